"""AUROC, AUPRC and their curves for weighted rows, and calibration metrics. NumPy only."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

CURVE_STEPS = 100
CURVE_GRID: Floats = np.arange(CURVE_STEPS + 1) / CURVE_STEPS  # false positive rates, and recalls


class NotFinite(ValueError):
    """Scores or probabilities are NaN or infinite: there is nothing to measure."""


def check_finite(values: Floats, what: str) -> None:
    """Raise `NotFinite` if any value is NaN or infinite. Sorting would rank NaN as if it were a score."""
    wrong = int(values.size - np.isfinite(values).sum())
    if wrong:
        raise NotFinite(f"{wrong} of {values.size} {what} are NaN or infinite")


def both_classes(positive: Bools, counts: Bools) -> Bools:
    """Return which labels have a positive and a negative row among those that count, (labels,)."""
    both: Bools = np.logical_and((positive & counts).any(axis=0), (~positive & counts).any(axis=0))
    return both


def labels_of_all(sources: Sequence[Bools]) -> Bools:
    """Return the labels that have both classes by every source, (labels,), so that macro figures compare.

    A source by which no label has both classes (there is no such report) does not count.
    """
    known = [labels for labels in sources if labels.any()]
    return np.logical_and.reduce(known) if known else np.zeros_like(sources[0])


class Measured(NamedTuple):
    """The ranking metrics of a label; all NaN if it has one class only.

    `tpr` and `precision` are (101,): the true positive rate at each false positive rate of `CURVE_GRID`, and the
    precision at each recall of it. The area under the first is the AUROC; the step-wise sum under the second the AUPRC.
    """

    auroc: float
    auprc: float
    tpr: Floats
    precision: Floats


class Ranked:
    """One label's rows in the order of falling score: sorted once, then measured under many weightings.

    The metrics follow from two sums for each distinct score of a positive row: the positives with that score (`p`), and
    the negatives between the next higher such score and this one (`f`). Each row gets the index of its sum once. A
    weighting then takes one pass over the rows, and arithmetic on as many numbers as there are positives.
    """

    def __init__(self, scores: Floats, positive: Bools, counts: Bools) -> None:
        check_finite(scores[counts], "scores")
        self._thresholds = np.unique(-scores[counts & positive])
        k = len(self._thresholds)
        negatives = np.flatnonzero(counts & ~positive)
        place = np.searchsorted(self._thresholds, -scores[negatives])  # the first threshold that takes it in
        self._sum_of = np.full(len(scores), 2 * k + 1)  # the last sum is of the rows that do not count
        self._sum_of[negatives] = k + place
        taken = counts & positive
        self._sum_of[taken] = np.searchsorted(self._thresholds, -scores[taken])
        reached = np.minimum(place, k - 1)
        tied = (place < k) & (self._thresholds[reached] == -scores[negatives]) if k else np.zeros(0, np.bool_)
        self._tied, self._tied_to = negatives[tied], place[tied]

    def measure(self, weights: Floats, curves: bool = False) -> Measured:
        """Measure under `weights`, (n,) whole numbers: how often each row counts.

        Ties count as scikit-learn counts them: half for AUROC; AUPRC is the average precision, the step-wise sum over
        distinct scores. Without `curves` the curves are empty.
        """
        k = len(self._thresholds)
        sums = _sums(self._sum_of, weights, 2 * k + 2)
        p, true, false = sums[:k], np.cumsum(sums[:k]), np.cumsum(sums[k : 2 * k + 1])
        positives, negatives = float(true[-1]) if k else 0.0, float(false[-1])
        if positives == 0 or negatives == 0:
            nothing = np.full(CURVE_STEPS + 1 if curves else 0, np.nan)
            return Measured(np.nan, np.nan, nothing, nothing)
        false = false[:-1]
        tied = _sums(self._tied_to, weights[self._tied], k) if len(self._tied) else None
        ahead = _dot(p, false) - (_dot(p, tied) / 2 if tied is not None else 0.0)  # pairs: the negative ranks higher
        precision = true / np.maximum(true + false, 1)
        auroc, auprc = 1 - ahead / (positives * negatives), _dot(p, precision) / positives
        if not curves:
            return Measured(auroc, auprc, np.zeros(0), np.zeros(0))
        steps = np.arange(CURVE_STEPS + 1.0)
        at = np.searchsorted(true, np.maximum(np.ceil(steps * positives / CURVE_STEPS), 1))
        tpr = _true_positives(steps * negatives / CURVE_STEPS, p, true, false, tied=tied) / positives
        return Measured(auroc, auprc, tpr, precision[at])


def _true_positives(wanted: Floats, p: Floats, true: Floats, false: Floats, *, tied: Floats | None) -> Floats:
    """Return the true positives at given numbers of false positives; a tie counts in proportion."""
    at = np.searchsorted(false, wanted, side="right")
    reached = np.where(at > 0, true[at - 1], 0)
    if tied is not None:
        next_ = np.minimum(at, len(p) - 1)
        into = np.clip(wanted - (false - tied)[next_], 0, None) / np.maximum(tied[next_], 1)
        reached += np.where(at < len(p), p[next_] * into, 0)
    return reached


def _sums(number: NDArray[np.int64], values: Floats, length: int) -> Floats:
    return np.bincount(number, values, minlength=length).astype(np.float64, copy=False)


def _dot(a: Floats, b: Floats) -> float:
    """Return a · b without BLAS, whose threads wait for each other when all cores are busy."""
    return float(np.einsum("i,i->", a, b))


def rank_labels(scores: Floats, positive: Bools, counts: Bools) -> list[Ranked]:
    """Sort every label's rows: all (n, labels)."""
    return [Ranked(scores[:, k], positive[:, k], counts[:, k]) for k in range(scores.shape[1])]


def auroc_auprc(scores: Floats, positive: Bools, counts: Bools) -> tuple[Floats, Floats]:
    """Measure every label once: all (n, labels) → (labels,) each; NaN where a label has one class only."""
    once = np.ones(len(scores))
    measured = [ranked.measure(once) for ranked in rank_labels(scores, positive, counts)]
    return np.array([label.auroc for label in measured]), np.array([label.auprc for label in measured])


def macro_auprc(scores: Floats, positive: Bools, counts: Bools) -> float:
    """Return the mean AUPRC over the labels that have both classes: what early stopping watches. NaN where none has."""
    return float(mean_defined(auroc_auprc(scores, positive, counts)[1]))


def percentile_interval(draws: Floats) -> tuple[float, float] | None:
    """Return the 95 % percentile interval; None where the figure is undefined in more than half of the draws."""
    defined = draws[np.isfinite(draws)]
    if not len(defined) or len(defined) < len(draws) / 2:
        return None
    low, high = np.percentile(defined, [2.5, 97.5])
    return float(low), float(high)


def mean_defined(values: Floats, axis: int = 0) -> Floats:
    """Return the mean over the values that are not NaN; NaN if all are."""
    defined = np.isfinite(values)
    count = defined.sum(axis=axis)
    total = np.where(defined, values, 0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def brier_score(probabilities: Floats, positive: Bools) -> float:
    """Return the mean squared distance of probability and outcome (Brier 1950)."""
    check_finite(probabilities, "probabilities")
    return float(np.mean((probabilities - positive) ** 2))


class Reliability(NamedTuple):
    """Equal-width bins of the probability, (bins,) each: their rows, mean probability, and share of positives.

    The mean and the share are NaN where a bin is empty.
    """

    rows: NDArray[np.int64]
    predicted: Floats
    observed: Floats

    def expected_calibration_error(self) -> float:
        """Return the mean distance of predicted and observed frequency over the bins, weighted by their rows."""
        filled = self.rows > 0
        gap = np.abs(self.predicted[filled] - self.observed[filled])
        return float(gap @ self.rows[filled] / self.rows.sum())


def reliability(probabilities: Floats, positive: Bools, bins: int = 10) -> Reliability:
    """Return the reliability curve of (n,) probabilities; n is one or more."""
    check_finite(probabilities, "probabilities")
    place = np.minimum((probabilities * bins).astype(int), bins - 1)
    rows = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        predicted = np.bincount(place, probabilities, minlength=bins) / rows
        return Reliability(rows, predicted, np.bincount(place, positive, minlength=bins) / rows)
