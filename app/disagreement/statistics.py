"""Table A.1 from counts of cells: machine, over-read, added, removed, and agreement with 95 % intervals.

Added and removed are both relative to the machine-positive count (paper, Table A.1), so `added_pct` may
exceed 100. Everything is arithmetic on a few thousand cells; a label's row needs no other label's.
"""

from dataclasses import dataclass
from math import sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Hedged = Literal["positive", "negative", "ignore"]
Interval = tuple[float, float] | None

Z95 = 1.959963984540054  # the normal distribution's 97.5 % quantile


@dataclass(frozen=True)
class Cells:
    """Distinct mask combinations and how many pairs have each; all arrays are int64 of one length."""

    machine_present: NDArray[np.int64]
    machine_uncertain: NDArray[np.int64]
    overread_present: NDArray[np.int64]
    overread_uncertain: NDArray[np.int64]
    pairs: NDArray[np.int64]


@dataclass(frozen=True)
class Rate:
    """A rate and its 95 % interval; both None where the rate is not defined."""

    value: float | None
    interval: Interval


@dataclass(frozen=True)
class LabelCounts:
    """The 2 × 2 table of one label: machine against over-read."""

    both: int
    added: int
    removed: int
    neither: int

    @property
    def pairs(self) -> int:
        """Pairs that count for this label (all, unless hedged readings are ignored)."""
        return self.both + self.added + self.removed + self.neither

    @property
    def machine(self) -> int:
        """Machine-positive pairs."""
        return self.both + self.removed

    @property
    def overread(self) -> int:
        """Over-read-positive pairs."""
        return self.both + self.added

    @property
    def disagreement(self) -> int:
        """Pairs where the two differ."""
        return self.added + self.removed


def count(cells: Cells, label: int, hedged: Hedged) -> LabelCounts:
    """Count the 2 × 2 table of the label with bit `label`."""
    machine = cells.machine_present >> label & 1
    overread = cells.overread_present >> label & 1
    machine_hedged = cells.machine_uncertain >> label & 1
    overread_hedged = cells.overread_uncertain >> label & 1
    weights = cells.pairs
    if hedged == "positive":
        machine, overread = machine | machine_hedged, overread | overread_hedged
    elif hedged == "ignore":
        weights = weights * (1 - (machine_hedged | overread_hedged))
    table = np.bincount(2 * machine + overread, weights=weights, minlength=4)
    neither, added, removed, both = (int(n) for n in table)
    return LabelCounts(both=both, added=added, removed=removed, neither=neither)


def proportion(successes: int, trials: int) -> Rate:
    """Give a binomial proportion with Wilson's score interval (Wilson 1927)."""
    if trials == 0:
        return Rate(None, None)
    p = successes / trials
    centre = (p + Z95**2 / (2 * trials)) / (1 + Z95**2 / trials)
    half = Z95 / (1 + Z95**2 / trials) * sqrt(p * (1 - p) / trials + Z95**2 / (4 * trials**2))
    return Rate(p, (max(0.0, centre - half), min(1.0, centre + half)))


def relative_gain(added: int, machine: int) -> Rate:
    """Give added / machine, a ratio of two disjoint counts, with its interval.

    Given their sum, the added count is binomial with p = odds / (1 + odds), where the odds are the ratio
    itself: Wilson's interval of p, as odds. It holds for added = 0 and never crosses zero.
    """
    if machine == 0:
        return Rate(None, None)
    interval = proportion(added, added + machine).interval
    assert interval is not None
    low, high = interval
    return Rate(added / machine, (low / (1 - low), high / (1 - high)))


def kappa(counts: LabelCounts) -> Rate:
    """Give Cohen's kappa with the large-sample interval of Fleiss, Cohen & Everitt (1969).

    Not defined where both readers say the same one thing of every ECG.
    """
    n = counts.pairs
    if n == 0:
        return Rate(None, None)
    table = np.array([[counts.neither, counts.added], [counts.removed, counts.both]]) / n
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    observed, expected = float(np.trace(table)), float(rows @ columns)
    if expected >= 1:
        return Rate(None, None)
    value = (observed - expected) / (1 - expected)
    diagonal = sum(table[i, i] * (1 - (rows[i] + columns[i]) * (1 - value)) ** 2 for i in range(2))
    off_diagonal = (1 - value) ** 2 * sum(
        table[i, j] * (columns[i] + rows[j]) ** 2 for i in range(2) for j in range(2) if i != j
    )
    variance = (diagonal + off_diagonal - (value - expected * (1 - value)) ** 2) / (n * (1 - expected) ** 2)
    half = Z95 * sqrt(max(0.0, float(variance)))
    return Rate(value, (max(-1.0, value - half), min(1.0, value + half)))
