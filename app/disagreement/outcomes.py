"""What a pair's two readings say of one label, and of how many labels they differ, as one number.

The numbers are made by the database when a cell is added (migration 0004) and are keys of `changes`. A reading of a
label is 0 not positive, 1 present, 2 uncertain, 3 both. An outcome of label i is `16 * i + machine + 4 * overread`;
it is kept where the readings differ under some way of taking hedges. A cell that differs has besides one outcome
with how many labels differ under each way: `COUNTED | positive << 12 | negative << 6 | ignore`.
"""

from collections.abc import Iterable, Iterator
from typing import Literal

from ml.corpus.sources import Hedged

Direction = Literal["added", "removed", "both"]
Agreement = Literal["machine", "overread", "agreed"]
"""Of pairs that may agree: those that the machine called, the over-read called, and both called."""
Listed = Literal["added", "removed", "both", "machine", "overread", "agreed"]

COUNTED = 1 << 20
_SHIFTS: dict[Hedged, int] = {"positive": 12, "negative": 6, "ignore": 0}


def outcomes_of(label: int, direction: Direction, hedged: Hedged) -> list[int]:
    """Return the outcomes in which the over-read added, or removed, a label."""
    return [
        16 * label + machine + 4 * overread
        for machine in range(4)
        for overread in range(4)
        if _direction(machine, overread, hedged) in ({"added", "removed"} if direction == "both" else {direction})
    ]


def called_by(label: int, source: Agreement, hedged: Hedged) -> str:
    """Return the SQL of whether a cell is one in which the machine, the over-read, or both called a label."""
    positive = "({0}_present | {0}_uncertain)" if hedged == "positive" else "{0}_present"
    sources = ("machine", "overread") if source == "agreed" else (source,)
    said = [f"{positive.format(each)} >> {label:d} & 1 = 1" for each in sources]
    if hedged == "ignore":
        said.append(f"(machine_uncertain | overread_uncertain) >> {label:d} & 1 = 0")
    return " AND ".join(said)


def changed(outcome: int, hedged: Hedged) -> int:
    """Return the number of differing labels of an outcome that counts them."""
    return outcome >> _SHIFTS[hedged] & 63


def by_count(outcomes: Iterable[int], hedged: Hedged) -> Iterator[tuple[int, list[int]]]:
    """Group outcomes that count differing labels by their count, the largest first; a count of 0 is left out."""
    found: dict[int, list[int]] = {}
    for outcome in outcomes:
        found.setdefault(changed(outcome, hedged), []).append(outcome)
    return ((count, sorted(found[count])) for count in sorted(found, reverse=True) if count)


def _direction(machine: int, overread: int, hedged: Hedged) -> str | None:
    if hedged == "ignore" and (machine | overread) & 2:
        return None
    before, after = (machine > 0, overread > 0) if hedged == "positive" else (machine & 1 > 0, overread & 1 > 0)
    if before == after:
        return None
    return "added" if after else "removed"
