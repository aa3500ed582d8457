"""What was read in a report."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

Status = Literal["present", "uncertain", "negated", "historical"]

PRECEDENCE: tuple[Status, ...] = ("present", "uncertain", "negated", "historical")
_RANK: dict[Status, int] = {status: rank for rank, status in enumerate(PRECEDENCE)}


class Statement(NamedTuple):
    """One diagnosis statement: `text` is the report's characters from `start` to `end`."""

    start: int
    end: int
    text: str


class Finding(NamedTuple):
    """A label's status, the characters that say so, and the words that made it other than present."""

    label: str
    status: Status
    start: int
    end: int
    text: str
    cue: str | None = None
    cue_start: int | None = None
    cue_end: int | None = None


class Masks(NamedTuple):
    """A reading as four bit masks: bit i is the vocabulary's label i. No label is in two of them."""

    present: int
    uncertain: int
    negated: int
    historical: int


@dataclass(frozen=True)
class Code:
    """A coded statement; `certainty` is 0–1, None where the source states none."""

    system: str
    code: str
    certainty: float | None = None


Place = tuple[int, int, str]
"""Start, end and text of a statement."""
Said = tuple[str, Status, int, int, str, str | None, int | None, int | None]
"""The fields of a finding."""


class Passage(NamedTuple):
    """A stretch of a report that was read alone, with places counted from its start. Many are kept: plain tuples.

    `mentions` are all that is said of labels, in order; a mention whose place in `corrects` is true outweighs others.
    The masks are what the passage says of each label, not yet by precedence: a label may be in several of them.
    """

    statements: tuple[Place, ...]
    mentions: tuple[Said, ...]
    corrects: tuple[bool, ...]
    masks: tuple[int, int, int, int]
    corrected: int


class Reading:
    """The statements of a report and at most one finding a label, in the vocabulary's order.

    `passages` are pairs of a passage's place in the report and the passage. Masks are made from those directly;
    statements and findings are spelt out when they are first asked for.
    """

    def __init__(self, labels: tuple[str, ...], passages: Sequence[tuple[int, Passage]]) -> None:
        self.labels = labels
        self._passages = passages

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        """The statements, in the order of the text."""
        return tuple(
            Statement(place + start, place + end, text)
            for place, passage in self._passages
            for start, end, text in passage.statements
        )

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """One finding a label that is mentioned: an explicit correction, else by precedence, else the first."""
        decided: dict[str, tuple[int, int, Said]] = {}
        for place, passage in self._passages:
            for mention, overrides in zip(passage.mentions, passage.corrects, strict=True):
                label, status = mention[:2]
                rank = -1 if overrides else _RANK[status]
                if label not in decided or rank < decided[label][0]:
                    decided[label] = rank, place, mention
        return tuple(_moved(*decided[label][1:]) for label in self.labels if label in decided)

    @cached_property
    def unmapped(self) -> tuple[Statement, ...]:
        """The statements in which no label is mentioned, whatever is said of it."""
        return tuple(
            Statement(place + start, place + end, text)
            for place, passage in self._passages
            for start, end, text in passage.statements
            if not any(start <= mention[2] < end for mention in passage.mentions)
        )

    def masks(self) -> Masks:
        """Give the reading as masks."""
        present = uncertain = negated = historical = corrected = 0
        for _, passage in self._passages:
            masks = passage.masks
            present |= masks[0]
            uncertain |= masks[1]
            negated |= masks[2]
            historical |= masks[3]
            corrected |= passage.corrected
        present &= ~corrected
        uncertain &= ~(corrected | present)
        negated = (negated | corrected) & ~(present | uncertain)
        return Masks(present, uncertain, negated, historical & ~(present | uncertain | negated))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Reading):
            return NotImplemented
        return (self.labels, self.statements, self.findings) == (other.labels, other.statements, other.findings)

    def __hash__(self) -> int:
        return hash((self.labels, self.statements, self.findings))

    def __repr__(self) -> str:
        return f"Reading(statements={self.statements!r}, findings={self.findings!r})"


def passage(
    labels: Sequence[str], statements: Sequence[Place], mentions: Sequence[Said], corrects: Sequence[bool]
) -> Passage:
    """Make a passage: count its masks. A correction says that a label is not there."""
    masks = [0, 0, 0, 0]
    corrected = 0
    for mention, overrides in zip(mentions, corrects, strict=True):
        bit = 1 << labels.index(mention[0])
        masks[_RANK[mention[1]]] |= bit
        corrected |= bit if overrides else 0
    present, uncertain, negated, historical = masks
    return Passage(
        tuple(statements), tuple(mentions), tuple(corrects), (present, uncertain, negated, historical), corrected
    )


def _moved(place: int, mention: Said) -> Finding:
    label, status, start, end, text, cue, cue_start, cue_end = mention
    if cue_start is None or cue_end is None:
        return Finding(label, status, place + start, place + end, text, cue)
    return Finding(label, status, place + start, place + end, text, cue, place + cue_start, place + cue_end)
