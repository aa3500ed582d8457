"""Two files line by line, within bounds."""

import difflib
from collections.abc import Iterator
from typing import NamedTuple

MOST_COMPARED = 4_000_000
"""The product of the numbers of lines that differ: comparing them takes time in proportion to it."""
CONTEXT = 2


class Line(NamedTuple):
    """A line of a difference: `+`, `-`, a blank where both have it, `@` for lines that are left out."""

    kind: str
    text: str


def differences(before: str, after: str) -> list[Line] | None:
    """Return how two files differ, with two lines around each place; None where they differ in too much to compare."""
    old, new = before.splitlines(), after.splitlines()
    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    changed = (len(old) - head - tail) * (len(new) - head - tail)
    if changed > MOST_COMPARED:
        return None
    keep = max(0, head - CONTEXT)
    until_old, until_new = len(old) - max(0, tail - CONTEXT), len(new) - max(0, tail - CONTEXT)
    return list(_lines(old[keep:until_old], new[keep:until_new]))


def _common(old: list[str], new: list[str]) -> int:
    """Return how many lines two lists begin with in common."""
    for number, (one, other) in enumerate(zip(old, new, strict=False)):
        if one != other:
            return number
    return min(len(old), len(new))


def _lines(old: list[str], new: list[str]) -> Iterator[Line]:
    for line in list(difflib.unified_diff(old, new, n=CONTEXT, lineterm=""))[2:]:
        yield Line("@", "…") if line.startswith("@@") else Line(line[0], line[1:])
