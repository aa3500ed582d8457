"""Report text is kept without the lines that say who somebody is: patient, reader, technician, place."""

import re
from typing import NamedTuple

_LINE = re.compile(
    r"""^\s*(?:\W{0,3}\s*)?
    (?:
        (?:electronically\s+)?(?:confirmed|signed|over-?read|reviewed|referred|requested|edited|verified|interpreted
            |validated|acquired)\s+by\b
      | (?:patient(?:\s+(?:name|id|number))?|name|last\s+name|first\s+name|mrn|medical\s+record(?:\s+number)?|dob
            |date\s+of\s+birth|birth\s*date|technician|tech|physician|ordering\s+(?:md|physician|provider)
            |attending|room|location|visit|account|ssn|address|phone)\s*[:#=]
      | (?:patient|befundet\s+von|befund\s+von|untersucher|arzt|geburtsdatum|patientenname|name)\s*:
    )""",
    re.IGNORECASE | re.VERBOSE,
)


class Kept(NamedTuple):
    """What is stored of a text, and how many lines are not."""

    text: str
    removed_lines: int


def without_identifier_lines(text: str) -> Kept:
    """Drop the lines that begin as identifiers do ("Confirmed by …", "MRN: …"); all other lines stay as they are."""
    lines = text.splitlines(keepends=True)
    kept = [line for line in lines if not _LINE.match(line)]
    return Kept("".join(kept).strip("\n"), len(lines) - len(kept))
