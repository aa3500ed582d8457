"""What the labeler found in a report."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from ml.labeling.passages import Passage

Status = Literal["present", "uncertain", "negated", "historical"]
Stance = Literal["read", "agrees", "unreadable"]

PRECEDENCE: tuple[Status, ...] = ("present", "uncertain", "negated", "historical")
RANK: dict[Status, int] = {status: rank for rank, status in enumerate(PRECEDENCE)}


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
    """A labeled report as four bit masks: bit i is the vocabulary's label i. No label is in two of them."""

    present: int
    uncertain: int
    negated: int
    historical: int


def overread_masks(stance: Stance, machine: Masks, overread: Masks) -> Masks | None:
    """Return an over-read's masks in its pair; None where it makes no pair, because the tracing cannot be read.

    An over-read that agrees has the machine's statuses but for the labels that it names itself.
    """
    if stance == "unreadable":
        return None
    if stance == "read":
        return overread
    named = overread.present | overread.uncertain | overread.negated | overread.historical
    return Masks(*(own | (theirs & ~named) for own, theirs in zip(overread, machine, strict=True)))


@dataclass(frozen=True)
class Code:
    """A coded statement; `certainty` is 0–1, None where the source states none."""

    system: str
    code: str
    certainty: float | None = None


def joint_stance(stances: Iterable[Stance]) -> Stance:
    """Return the stance of a whole whose parts have these stances."""
    taken = set(stances)
    return "unreadable" if "unreadable" in taken else "agrees" if "agrees" in taken else "read"


class LabeledReport:
    """The statements of a report and at most one finding a label, in the vocabulary's order.

    `passages` are pairs of a passage's place in the report and the passage. Masks are made from those directly;
    statements and findings are made when they are first asked for.
    """

    def __init__(self, labels: tuple[str, ...], passages: "Sequence[tuple[int, Passage]]") -> None:
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
        decided: dict[str, tuple[int, int, Finding]] = {}
        for place, passage in self._passages:
            for mention, outweighs in passage.mentions:
                label, status = mention[:2]
                rank = -1 if outweighs else RANK[status]
                if label not in decided or rank < decided[label][0]:
                    decided[label] = rank, place, mention
        return tuple(_moved(*decided[label][1:]) for label in self.labels if label in decided)

    @cached_property
    def unmapped(self) -> tuple[Statement, ...]:
        """The statements in which no label is mentioned, whatever is said of it."""
        return tuple(
            Statement(place + start, place + end, text)
            for place, passage in self._passages
            for start, end, text in passage.unmapped
        )

    @cached_property
    def partly(self) -> tuple[Statement, ...]:
        """The statements in which a label is mentioned, of sentences with words that no term has."""
        return tuple(
            Statement(place + start, place + end, text)
            for place, passage in self._passages
            for start, end, text in passage.partly
        )

    @cached_property
    def stance(self) -> Stance:
        """Whether the report reads the tracing, agrees with the machine's report, or says it cannot be read.

        A report that agrees may have findings too: what it changes ("Agree, but no LVH"). A report that asserts a
        finding was read, whatever it says of the tracing.
        """
        stance = joint_stance(passage.stance for _, passage in self._passages)
        if stance == "unreadable":
            masks = self.masks()
            return "read" if masks.present | masks.uncertain else stance
        return stance

    def masks(self) -> Masks:
        """Return the four masks: at most one status a label, by precedence."""
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
        if not isinstance(other, LabeledReport):
            return NotImplemented
        return (self.labels, self.statements, self.findings) == (other.labels, other.statements, other.findings)

    def __hash__(self) -> int:
        return hash((self.labels, self.statements, self.findings))

    def __repr__(self) -> str:
        return f"LabeledReport(statements={self.statements!r}, findings={self.findings!r})"


def _moved(place: int, finding: Finding) -> Finding:
    if place == 0:
        return finding
    label, status, start, end, text, cue, cue_start, cue_end = finding
    if cue_start is None or cue_end is None:
        return Finding(label, status, place + start, place + end, text, cue)
    return Finding(label, status, place + start, place + end, text, cue, place + cue_start, place + cue_end)
