"""AUROC and AUPRC, plain and by bootstrap over patients; calibration figures. NumPy only."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Weights = NDArray[np.int32]

_NUMBERS_A_CHUNK = 400_000  # rows × draws at once: fits a core's cache (twice as fast as 4 million), memory stays flat


class Ranked:
    """One label's rows in the order of falling score: sorted once, then measured under many weightings.

    Rows that no figure can tell apart are one run: the positives of a tie, the negatives of a tie, and all negatives
    between two positives. A draw of the bootstrap is then one sum a run, and few runs are left where a label is rare.
    """

    def __init__(self, scores: Floats, positive: Bools, counts: Bools) -> None:
        rows = np.flatnonzero(counts)
        self._order = rows[np.lexsort((~positive[rows], -scores[rows]))]
        ranked, is_positive = scores[self._order], positive[self._order]
        _, tie = np.unique(-ranked, return_inverse=True)
        tie_has_positive = np.bincount(tie, is_positive) > 0
        other_tie = np.diff(tie, prepend=-1) != 0
        told_apart = tie_has_positive[tie] | np.append(True, tie_has_positive[tie[:-1]])
        new_class = np.diff(is_positive, prepend=False)
        self._starts = np.flatnonzero((other_tie & told_apart) | new_class)
        self._run_is_positive = is_positive[self._starts]
        run_tie = tie[self._starts]
        self._tie_ends = np.flatnonzero(np.append(np.diff(run_tie) != 0, True))

    def auroc_auprc(self, weights: Weights) -> tuple[Floats, Floats]:
        """Measure under `weights`, (draws, n): how often each row counts.

        Returns
        -------
        (draws,) each; NaN where a draw has one class only. Ties count as scikit-learn counts them: half for AUROC;
        AUPRC is the average precision, the step-wise sum over distinct scores.
        """
        if not len(self._order):
            return np.full(len(weights), np.nan), np.full(len(weights), np.nan)
        in_run = np.add.reduceat(np.take(weights, self._order, axis=1), self._starts, axis=1, dtype=np.float64)
        true = np.cumsum(in_run * self._run_is_positive, axis=1)[:, self._tie_ends]
        false = np.cumsum(in_run * ~self._run_is_positive, axis=1)[:, self._tie_ends]
        positives, negatives = true[:, -1], false[:, -1]
        newly_true, newly_false = np.diff(true, axis=1, prepend=0), np.diff(false, axis=1, prepend=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            precision = true / np.maximum(true + false, 1)
            auroc = np.sum(newly_false * (true - newly_true / 2), axis=1) / (positives * negatives)
            auprc = np.sum(newly_true * precision, axis=1) / positives
        one_class = (positives == 0) | (negatives == 0)
        return np.where(one_class, np.nan, auroc), np.where(one_class, np.nan, auprc)


def auroc_auprc(scores: Floats, positive: Bools, counts: Bools) -> tuple[Floats, Floats]:
    """Measure every label once: all (n, labels) → (labels,) each; NaN where a label has one class only."""
    once = np.ones((1, len(scores)), np.int32)
    figures = [ranked.auroc_auprc(once) for ranked in _rank_labels(scores, positive, counts)]
    return np.array([auroc[0] for auroc, _ in figures]), np.array([auprc[0] for _, auprc in figures])


def macro_auprc(scores: Floats, positive: Bools, counts: Bools) -> float:
    """Mean AUPRC over the labels that have both classes: what early stopping watches. NaN where none has."""
    return float(mean_defined(auroc_auprc(scores, positive, counts)[1]))


def bootstrap(
    scores: Floats, positive: Bools, counts: Bools, patients: NDArray[np.str_], draws: int, seed: int
) -> tuple[Floats, Floats]:
    """Measure every label in every draw; patients are drawn, each with all of their rows.

    Parameters
    ----------
    scores, positive, counts
        (n, labels); a row whose `counts` is false says nothing of that label.
    patients
        (n,)

    Returns
    -------
    AUROC and AUPRC, (draws, labels) each; NaN where a draw has one class only. All labels see the same draws, so
    their mean is a macro figure of that draw.
    """
    ranked = _rank_labels(scores, positive, counts)
    auroc, auprc = np.empty((2, draws, scores.shape[1]))
    first = 0
    for weights in _draws(patients, draws, seed):
        chunk = slice(first, first + len(weights))
        for k, label in enumerate(ranked):
            auroc[chunk, k], auprc[chunk, k] = label.auroc_auprc(weights)
        first = chunk.stop
    return auroc, auprc


def _rank_labels(scores: Floats, positive: Bools, counts: Bools) -> list[Ranked]:
    return [Ranked(scores[:, k], positive[:, k], counts[:, k]) for k in range(scores.shape[1])]


def _draws(patients: NDArray[np.str_], draws: int, seed: int) -> Iterator[Weights]:
    """Give how often each row counts, (some draws, n), until there were `draws`."""
    distinct, row_of = np.unique(patients, return_inverse=True)
    random = np.random.default_rng(seed)
    at_once = max(1, _NUMBERS_A_CHUNK // max(1, len(patients)))
    for first in range(0, draws, at_once):
        drawn = [
            np.bincount(random.integers(0, len(distinct), len(distinct)), minlength=len(distinct))
            for _ in range(min(at_once, draws - first))
        ]
        yield np.stack(drawn).astype(np.int32)[:, row_of]


def percentile_interval(draws: Floats) -> tuple[float, float] | None:
    """Give the 95 % percentile interval; None where the figure is undefined in more than half of the draws."""
    defined = draws[np.isfinite(draws)]
    if not len(defined) or len(defined) < len(draws) / 2:
        return None
    low, high = np.percentile(defined, [2.5, 97.5])
    return float(low), float(high)


def mean_defined(values: Floats, axis: int = 0) -> Floats:
    """Mean over what is defined; NaN where nothing is."""
    defined = np.isfinite(values)
    count = defined.sum(axis=axis)
    total = np.where(defined, values, 0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def brier_score(probabilities: Floats, positive: Bools) -> float:
    """Mean squared distance of probability and outcome (Brier 1950)."""
    return float(np.mean((probabilities - positive) ** 2))


def expected_calibration_error(probabilities: Floats, positive: Bools, bins: int = 10) -> float:
    """Mean distance of predicted and observed frequency over equal-width bins, weighted by their size."""
    place = np.minimum((probabilities * bins).astype(int), bins - 1)
    predicted = np.bincount(place, probabilities, minlength=bins)
    observed = np.bincount(place, positive, minlength=bins)
    return float(np.abs(predicted - observed).sum() / len(probabilities))
