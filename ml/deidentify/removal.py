"""A text without what says who somebody is."""

import re
from collections.abc import Sequence
from functools import lru_cache

from ml.deidentify.spans import identifiers

CACHED = 20_000  # lines
CACHED_LENGTH = 200  # characters
_SAYS_SOMETHING = re.compile(r"[^\W_]")
_SEPARATORS = " \t\xa0\r,;:/|([*–-"
_CLOSING = " \t\xa0\r,;:/|)].*–-"
_PREPOSITION = re.compile(r"\s(?:by|of|with|from|to|for|per|bei|von|mit|durch|an)\Z", re.IGNORECASE)
_LONGEST_PREPOSITION = 8  # characters, with blanks


def without_identifiers(text: str) -> str:
    """Return a report's text without people's names, numbers, dates of birth and addresses.

    A line that holds none stays as it is, character by character; a line of which nothing is left is dropped.
    """
    if all(_holds_none(line) if len(line) <= CACHED_LENGTH else not identifiers(line) for line in text.split("\n")):
        return text
    spans = identifiers(text)
    if not spans:
        return text
    edges = [0, *(edge for span in spans for edge in span), len(text)]
    kept: list[str] = []
    line: list[str] = []  # what stands between the identifiers of the line that is being put together
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        head, *rest = text[start:end].split("\n", 1)
        line.append(head)
        if rest:
            kept.append(_joined(line, "\n"))
            whole, newline, tail = rest[0].rpartition("\n")
            kept.append(whole + newline)
            line = [tail]
    kept.append(_joined(line, ""))
    return "".join(kept).strip("\n")


@lru_cache(maxsize=CACHED)
def _holds_none(line: str) -> bool:
    """Whether a line holds no identifier and is no label of one on the next line. Reports repeat their lines."""
    return not line.rstrip().endswith((":", "#", "=")) and not identifiers(line)


def _joined(pieces: Sequence[str], ending: str) -> str:
    """Return a line of what stood before, between and behind its identifiers."""
    if len(pieces) == 1:
        return pieces[0] + ending
    places = [place for place, piece in enumerate(pieces) if _SAYS_SOMETHING.search(piece)]
    if not places:
        return ""
    first, last = places[0], places[-1]
    line = pieces[first] if first == 0 else pieces[first].lstrip(_CLOSING)
    for place in places[1:]:
        line = _together(line, pieces[place])
    return (line if last == len(pieces) - 1 else _ended(line)) + ending


def _together(left: str, right: str) -> str:
    left, right = left.rstrip(), right.lstrip()
    if left.endswith("(") and right.startswith(")"):
        left, right = left[:-1].rstrip(), right[1:]
    return left + right if right[:1] in (",", ";", ".", ")", "") else f"{left} {right}"


def _ended(line: str) -> str:
    line = line.rstrip(_SEPARATORS)
    found = _PREPOSITION.search(line[-_LONGEST_PREPOSITION:])
    return line[: -len(found[0])].rstrip(_SEPARATORS) if found else line
