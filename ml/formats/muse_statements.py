"""The statements of a GE MUSE diagnosis, which come in fragments, as a report's text."""

from collections.abc import Iterable, Set
from typing import NamedTuple

ENDS_LINE = "ENDSLINE"
_FOLLOWS_AT_ONCE = (",", ".", ";", ":", ")")


class Fragment(NamedTuple):
    """A `<DiagnosisStatement>` (or `<Statement>`): its `<StmtText>` and all of its `<StmtFlag>`."""

    text: str
    flags: Set[str] = frozenset()


def report_text(fragments: Iterable[Fragment]) -> str:
    """Return the report, one statement a line.

    A statement goes on until a fragment with the flag ENDSLINE: "Anterior infarct" and ", age undetermined" are one.
    Other flags, such as USERINSERT (typed by a person), end nothing. Where no fragment has ENDSLINE, each is a line.
    """
    pieces = list(fragments)
    flagged = any(ENDS_LINE in piece.flags for piece in pieces)
    lines: list[str] = []
    line: list[str] = []
    for text, flags in pieces:
        line.append(text)
        if ENDS_LINE in flags or not flagged:
            lines.append(_joined(line))
            line = []
    lines.append(_joined(line))
    return "\n".join(filter(None, lines))


def _joined(texts: Iterable[str]) -> str:
    """Return the texts with one blank between words, and none before a comma."""
    said = ""
    for text in filter(None, (" ".join(text.split()) for text in texts)):
        said += text if not said or text.startswith(_FOLLOWS_AT_ONCE) else f" {text}"
    return said
