"""Table A.1 from counts of cells: machine, over-read, added, removed, and agreement with 95 % intervals.

Added and removed are both relative to the machine-positive count (paper, Table A.1), so added % may exceed 100.
Everything is arithmetic on arrays of counts, any number of groups and labels at a time. Undefined is NaN.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

from ml.corpus.sources import Hedged

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]

Z95 = 1.959963984540054  # the normal distribution's 97.5 % quantile


MACHINE_UNREAD, OVERREAD_UNREAD, UNREADABLE = 1, 2, 4
"""Bits of `left_out`: why a pair is not compared. An over-read that agrees with an unread report is MACHINE_UNREAD."""
LEFT_OUT = {"unread_machine": MACHINE_UNREAD, "unread_overread": OVERREAD_UNREAD, "unreadable": UNREADABLE}
"""The same by the names that files have for them."""


@dataclass(frozen=True)
class Masks:
    """Distinct mask combinations, bit i for label i; all arrays are int64 of one length."""

    machine_present: Integers
    machine_uncertain: Integers
    overread_present: Integers
    overread_uncertain: Integers

    def machine(self, hedged: Hedged) -> Integers:
        """Labels the machine called positive."""
        return self.machine_present | self.machine_uncertain if hedged == "positive" else self.machine_present

    def overread(self, hedged: Hedged) -> Integers:
        """Labels the over-read called positive."""
        return self.overread_present | self.overread_uncertain if hedged == "positive" else self.overread_present

    def ignored(self, hedged: Hedged) -> Integers:
        """Labels a combination does not count for."""
        hedges = self.machine_uncertain | self.overread_uncertain
        return hedges if hedged == "ignore" else np.zeros_like(hedges)

    def added(self, hedged: Hedged) -> Integers:
        """Labels that only the over-read has."""
        return self.overread(hedged) & ~self.machine(hedged) & ~self.ignored(hedged)

    def removed(self, hedged: Hedged) -> Integers:
        """Labels that only the machine has."""
        return self.machine(hedged) & ~self.overread(hedged) & ~self.ignored(hedged)


@dataclass(frozen=True)
class LabelCounts:
    """The 2 × 2 tables of machine against over-read; four arrays of one shape, such as (group, label)."""

    both: Integers
    added: Integers
    removed: Integers
    neither: Integers

    @property
    def pairs(self) -> Integers:
        """Pairs that count for a label (all, unless hedged readings are ignored)."""
        return self.both + self.added + self.removed + self.neither

    @property
    def machine(self) -> Integers:
        """Machine-positive pairs."""
        return self.both + self.removed

    @property
    def overread(self) -> Integers:
        """Over-read-positive pairs."""
        return self.both + self.added

    @property
    def disagreement(self) -> Integers:
        """Pairs where the two differ."""
        return self.added + self.removed


@dataclass(frozen=True)
class Rate:
    """Rates and their 95 % intervals; all three NaN where a rate is not defined."""

    value: Reals
    low: Reals
    high: Reals

    def __mul__(self, factor: float) -> "Rate":
        return Rate(self.value * factor, self.low * factor, self.high * factor)


def count(
    masks: Masks,
    labels: int,
    hedged: Hedged,
    *,
    cell: Integers,
    pairs: Integers,
    group: Integers,
    groups: int,
) -> LabelCounts:
    """Count the tables of the first `labels` labels in each of `groups` groups: arrays of (group, label).

    `cell`, `pairs` and `group` are rows of one length: which combination, how many pairs, which group.
    """
    machine, overread, ignored = masks.machine(hedged), masks.overread(hedged), masks.ignored(hedged)
    table = np.zeros((groups, labels, 4), np.int64)
    for label in range(labels):
        code = 2 * (machine >> label & 1) + (overread >> label & 1)
        weight = pairs if hedged != "ignore" else pairs * (1 - (ignored >> label & 1))[cell]
        counted = np.bincount(4 * group + code[cell], weights=weight, minlength=4 * groups)  # exact up to 2^53
        table[:, label] = counted.reshape(groups, 4)
    return LabelCounts(both=table[..., 3], added=table[..., 1], removed=table[..., 2], neither=table[..., 0])


def proportion(successes: Integers, trials: Integers) -> Rate:
    """Return binomial proportions with Wilson's score interval (Wilson 1927)."""
    n = np.where(trials > 0, trials, np.nan)
    p = successes / n
    centre = (p + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 / (1 + Z95**2 / n) * np.sqrt(p * (1 - p) / n + Z95**2 / (4 * n**2))
    # at the ends the interval is exactly 0 or 1; rounding would leave 1e-17
    low = np.where(successes == 0, 0 * p, np.maximum(0, centre - half))
    high = np.where(successes == trials, 1 + 0 * p, np.minimum(1, centre + half))
    return Rate(p, low, high)


def relative_gain(added: Integers, machine: Integers) -> Rate:
    """Return added / machine, a ratio of two disjoint counts, with its interval.

    Given their sum, the added count is binomial with p = odds / (1 + odds), where the odds are the ratio
    itself: Wilson's interval of p, as odds. It holds for added = 0 and never crosses zero.
    """
    n = np.where(machine > 0, machine, np.nan)
    share = proportion(added, added + machine)
    low, high = np.where(machine > 0, (share.low, share.high), np.nan)
    return Rate(added / n, low / (1 - low), high / (1 - high))


def kappa(counts: LabelCounts) -> Rate:
    """Return Cohen's kappa with the large-sample interval of Fleiss, Cohen & Everitt (1969).

    Not defined where both readings are positive for every ECG, or negative for every ECG.
    """
    value, half = _kappa(*(np.asarray(getattr(counts, name), np.float64) for name in _CELLS))
    return Rate(value, np.maximum(-1, value - half), np.minimum(1, value + half))


def kappa_of_few(counts: LabelCounts) -> Rate:
    """Return Cohen's kappa with an interval that also holds for few ECGs and for readers who hardly differ.

    It is the interval of `kappa` with half an ECG more in each cell, and has the value in it. That of `kappa` itself
    has no width where nothing differs.
    """
    value = kappa(counts).value
    centre, half = _kappa(*(np.asarray(getattr(counts, name), np.float64) + 0.5 for name in _CELLS))
    low, high = np.maximum(-1, centre - half), np.minimum(1, centre + half)
    nowhere = np.isnan(value)
    return Rate(value, np.where(nowhere, np.nan, np.fmin(low, value)), np.where(nowhere, np.nan, np.fmax(high, value)))


_CELLS = ("both", "removed", "added", "neither")


def _kappa(both: Reals, removed: Reals, added: Reals, neither: Reals) -> tuple[Reals, Reals]:
    """Return kappa and half the width of its interval."""
    pairs = both + removed + added + neither
    n = np.where(pairs > 0, pairs, np.nan)
    a, b, c, d = both / n, removed / n, added / n, neither / n
    machine, overread = (both + removed) / n, (both + added) / n
    expected = machine * overread + (1 - machine) * (1 - overread)
    one_answer = (both == pairs) | (neither == pairs)
    expected = np.where(one_answer, np.nan, expected)
    value = (a + d - expected) / (1 - expected)
    diagonal = a * (1 - (machine + overread) * (1 - value)) ** 2 + d * (1 - (2 - machine - overread) * (1 - value)) ** 2
    off_diagonal = (1 - value) ** 2 * (b * (overread + 1 - machine) ** 2 + c * (1 - overread + machine) ** 2)
    variance = (diagonal + off_diagonal - (value - expected * (1 - value)) ** 2) / (n * (1 - expected) ** 2)
    return value, Z95 * np.sqrt(np.maximum(0, variance))


def difference(of: Rate, other: Rate) -> Rate:
    """Return `of` less `other`, rates of separate pairs, with its interval from theirs.

    The method of variance estimates recovery (Zou & Donner 2008): for two proportions with Wilson's intervals it is
    Newcombe's hybrid score interval (1998, method 10). It keeps the asymmetry of the intervals that it is made of, so
    it serves ratios and kappa as well. Of pairs that are in both, it is wider than it need be.
    """
    value = of.value - other.value
    low = value - np.hypot(of.value - of.low, other.high - other.value)
    high = value + np.hypot(of.high - of.value, other.value - other.low)
    return Rate(value, low, high)


def mcnemar(counts: LabelCounts) -> Reals:
    """Return McNemar's exact two-sided p for "added and removed are equally likely"; 1 where there is neither."""
    n = counts.disagreement
    fewer = np.minimum(counts.added, counts.removed)
    # the binomial's distribution function at `fewer` with p = ½ is a regularised incomplete beta function
    tail = betainc(np.maximum(n - fewer, 1), fewer + 1, 0.5)
    return np.where(n > 0, np.minimum(1, 2 * tail), 1.0)
