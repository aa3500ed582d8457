"""Coded statements in one cell: `SCP:IMI SCP:LVH@0.5 12SL:ASMI;AU`.

Codes stand between blanks; each is its system, a colon, the code, and where the source says how sure it was an `@` and
the certainty, 0 to 1. A blank, `%`, `@` or control character within a name, and a colon within a system, are written as
in URLs (RFC 3986, section 2.1): `%20`.
"""

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote

from ml.archives.cells import LONGEST_NAME
from ml.labeling.findings import Code

MOST_CODES = 1_000

_CODE = re.compile(r"([^\s:@]+):([^\s@]+)(?:@([01](?:\.\d{1,20})?(?:e-\d{1,3})?))?", re.ASCII)
_PLAIN = "".join(chr(c) for c in range(0x21, 0x7F) if chr(c) not in "%@:")


class BadCodeList(ValueError):
    """The cell is no list of codes; the message says which one, by its number."""


def parse_codes(text: str) -> tuple[Code, ...]:
    """Return the codes of a cell. Raises `BadCodeList`."""
    words = text.split()
    if len(words) > MOST_CODES:
        raise BadCodeList(f"has more than {MOST_CODES:,} codes")
    return tuple(_code(word, number) for number, word in enumerate(words, 1))


def write_codes(codes: Iterable[Code]) -> str:
    """Return codes as `parse_codes` reads them."""
    return " ".join(
        f"{quote(code.system, safe=_PLAIN)}:{quote(code.code, safe=_PLAIN + ':')}"
        + ("" if code.certainty is None else f"@{code.certainty!r}")
        for code in codes
    )


def _code(word: str, number: int) -> Code:
    matched = _CODE.fullmatch(word)
    if matched is None:
        raise BadCodeList(f"has a code, number {number}, that is not written as SYSTEM:CODE or SYSTEM:CODE@CERTAINTY")
    try:
        system, code = (unquote(part, errors="strict") for part in matched.group(1, 2))
    except UnicodeDecodeError:
        raise BadCodeList(f"has a code, number {number}, whose escapes are not UTF-8") from None
    certainty = None if matched[3] is None else float(matched[3])
    if max(len(system), len(code)) > LONGEST_NAME or not (system + code).isprintable():
        raise BadCodeList(
            f"has a code, number {number}, that is longer than {LONGEST_NAME} characters or not printable"
        )
    if certainty is not None and certainty > 1:
        raise BadCodeList(f"has a code, number {number}, whose certainty is not from 0 to 1")
    return Code(system, code, certainty)
