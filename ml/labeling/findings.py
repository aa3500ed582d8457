"""What is found in a report: statements, findings, masks and the stance."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

Status = Literal["present", "uncertain", "negated", "historical"]
SaidStance = Literal["read", "agrees", "unreadable"]  # what words say of their report
Stance = Literal["read", "agrees", "unreadable", "unread"]

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
    """Return an over-read's masks in its pair; None where they cannot be compared: it is unreadable, or unread.

    An over-read that agrees has the machine's statuses but for the labels that it names itself.
    """
    if stance in ("unreadable", "unread"):
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


def joint_stance(stances: Iterable[SaidStance]) -> SaidStance:
    """Return the stance of a whole whose parts have these stances."""
    taken = set(stances)
    return "unreadable" if "unreadable" in taken else "agrees" if "agrees" in taken else "read"
