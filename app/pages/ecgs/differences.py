"""What an over-read changes, in words. The masks are the pair's cell: what the disagreement table counts, too."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.disagreement.counting.cells import Cells
from app.disagreement.statistics import MACHINE_UNREAD, OVERREAD_UNREAD, UNREADABLE
from ml.labeling.vocabulary import Label

LEFT_OUT_WORDS = {
    UNREADABLE: "The over-read says that the tracing cannot be read, so nothing is compared.",
    OVERREAD_UNREAD: "The over-read is in a language that the vocabulary does not have, so nothing is compared.",
    MACHINE_UNREAD: "The machine's report is in a language that the vocabulary does not have, so nothing is compared.",
}


@dataclass(frozen=True)
class Change:
    """A verb (`adds`, `removes`, `hedges`, `makes certain`) and the labels it is about."""

    verb: str
    labels: tuple[Label, ...]


@dataclass(frozen=True)
class Differences:
    """What the over-read does with the machine's labels; `left_out` says why nothing is compared, else None."""

    changes: tuple[Change, ...]
    left_out: str | None = None

    @property
    def words(self) -> str:
        """One sentence."""
        if self.left_out is not None:
            return self.left_out
        if not self.changes:
            return "The over-read changes no label."
        parts = [f"{change.verb} {_and([label.name for label in change.labels])}" for change in self.changes]
        return f"The over-read {'; '.join(parts)}."

    @property
    def changed(self) -> set[str]:
        """Keys of the labels that only one of the two reports has."""
        return {label.key for change in self.changes if change.verb in ("adds", "removes") for label in change.labels}


def differences(cells: Cells, labels: Sequence[Label]) -> Differences:
    """Return what the over-read of one pair changes. A hedged label counts as stated, as in the table's default."""
    left_out = int(cells.left_out[0])
    for bit, words in LEFT_OUT_WORDS.items():
        if left_out & bit:
            return Differences((), words)
    masks = cells.masks
    hedged = masks.machine_present & masks.overread_uncertain & ~masks.overread_present
    certain = masks.machine_uncertain & ~masks.machine_present & masks.overread_present
    found = (
        ("adds", masks.added("positive")),
        ("removes", masks.removed("positive")),
        ("hedges", hedged),
        ("makes certain", certain),
    )
    changes = (Change(verb, _labels(int(mask[0]), labels)) for verb, mask in found)
    return Differences(tuple(change for change in changes if change.labels))


def _labels(mask: int, labels: Sequence[Label]) -> tuple[Label, ...]:
    return tuple(label for bit, label in enumerate(labels) if mask >> bit & 1)


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
