"""Text that clients send: without control characters, and of bounded length."""

import re
from typing import Annotated

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

LONGEST_REPORT = 65_536

_PAGE_BREAKS = str.maketrans("\f\v", "\n\n")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def printable(value: str) -> str:
    """Return a text; refuse control characters."""
    if _CONTROL.search(value):
        raise ValueError("must not hold control characters")
    return value


def _without_page_breaks(value: str) -> str:
    """Return a text with a line end for each form feed and vertical tab, with which old exports end pages and lines."""
    return value.translate(_PAGE_BREAKS)


def _fits(value: str) -> str:
    if len(value) > LONGEST_REPORT:
        raise PydanticCustomError("too_large", "is longer than {longest} characters", {"longest": LONGEST_REPORT})
    return value


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(printable)]
ReportText = Annotated[
    str,
    StringConstraints(min_length=1),
    AfterValidator(_fits),
    AfterValidator(_without_page_breaks),
    AfterValidator(printable),
]
LongText = Annotated[
    str,
    AfterValidator(_fits),
    AfterValidator(_without_page_breaks),
    AfterValidator(printable),
]
"""A text as long as a report, that may be empty."""
