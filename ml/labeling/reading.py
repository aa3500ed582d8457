"""What was read in a report."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Status = Literal["present", "uncertain", "negated", "historical"]

PRECEDENCE: tuple[Status, ...] = ("present", "uncertain", "negated", "historical")


@dataclass(frozen=True)
class Statement:
    """One diagnosis statement: `text` is the report's characters from `start` to `end`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Finding:
    """A label's status, the characters that say so, and the words that made it other than present."""

    label: str
    status: Status
    start: int
    end: int
    text: str
    cue: str | None = None


@dataclass(frozen=True)
class Masks:
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


@dataclass(frozen=True)
class Reading:
    """The statements of a report and at most one finding a label, in the vocabulary's order."""

    labels: tuple[str, ...]
    statements: tuple[Statement, ...]
    findings: tuple[Finding, ...]

    def masks(self) -> Masks:
        """Give the reading as masks."""
        bits = dict.fromkeys(PRECEDENCE, 0)
        for finding in self.findings:
            bits[finding.status] |= 1 << self.labels.index(finding.label)
        return Masks(**bits)


def by_precedence(
    labels: Sequence[str], mentions: Sequence[Finding], overriding: Sequence[bool]
) -> tuple[Finding, ...]:
    """Keep one mention a label: an explicit correction, else present > uncertain > negated > historical."""
    decided: dict[str, tuple[int, Finding]] = {}
    for mention, overrides in zip(mentions, overriding, strict=True):
        rank = -1 if overrides else PRECEDENCE.index(mention.status)
        if mention.label not in decided or rank < decided[mention.label][0]:
            decided[mention.label] = rank, mention
    return tuple(decided[label][1] for label in labels if label in decided)
