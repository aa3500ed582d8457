"""Codes joined to statements: a modifier belongs to the code beside it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from ml.labeling.findings import Code

Kind = Literal["before", "after", "both", "finding", "unknown"]
"""How a code binds (`Modifiers`), or that it is a finding's, or of no kind that is known."""


class Token(NamedTuple):
    """A single code, and where it stands in the text that has one `Code` a line.

    `closes`: it is the last of several in its `Code`.
    """

    system: str
    code: str
    certainty: float | None
    start: int
    end: int
    closes: bool = False


def tokens(codes: Iterable[Code], separators: Mapping[str, str]) -> Iterator[Token]:
    """Yield the single codes of codes that may be joined ("ASMI;AU"); `separators` has the sign of each system."""
    line = 0
    for code in codes:
        places = list(_places(code.code, separators.get(code.system))) or [(0, len(code.code))]
        for i, (start, end) in enumerate(places):
            closes = i > 0 and i == len(places) - 1
            yield Token(code.system, code.code[start:end], code.certainty, line + start, line + end, closes)
        line += len(code.code) + 1


def _places(written: str, separator: str | None) -> Iterator[tuple[int, int]]:
    """Yield where the parts of a joined code begin and end, without the blanks around them; none where all is blank."""
    start = 0
    for part in written.split(separator) if separator else [written]:
        if kept := part.strip():
            begin = start + part.index(kept)
            yield begin, begin + len(kept)
        start += len(part) + 1


def statements(single: Iterable[Token], kind_of: Callable[[Token], Kind]) -> list[list[Token]]:
    """Return the codes of each statement, in their order.

    Codes of several systems are in no statement together, and a code of unknown kind is one alone. A modifier of what
    follows that closes a joined code ("IMI;PO") belongs to what is before it.
    """
    found: list[list[Token]] = []
    grows = waits = False  # the last statement takes modifiers; takes whatever comes
    for token in single:
        kind = kind_of(token)
        if kind == "after" and token.closes:
            kind = "before"
        if found and found[-1][0].system != token.system:
            grows = waits = False
        if kind != "unknown" and (waits or (grows and kind in ("before", "both"))):
            found[-1].append(token)
        else:
            found.append([token])
            waits = False
        grows = kind != "unknown"
        if kind != "before":
            waits = kind in ("after", "both")
    return found
