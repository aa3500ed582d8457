"""AUROC and AUPRC vectorised over labels and bootstrap draws; thresholds; calibration figures."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def ranking(scores: Floats, positive: NDArray[np.bool_], weights: Floats) -> tuple[Floats, Floats]:
    """Give AUROC and AUPRC of one label for several weightings of the rows at once.

    Parameters
    ----------
    scores, positive
        (n,)
    weights
        (draws, n): how often each row counts; ones for the plain figure, counts of a bootstrap draw.

    Returns
    -------
    (draws,) each; NaN where a draw has one class only. Ties count as scikit-learn counts them: half for AUROC;
    AUPRC is the average precision, the step-wise sum over distinct scores.
    """
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    true = np.cumsum(weights[:, order] * positive[order], axis=1)[:, ends]
    false = np.cumsum(weights[:, order] * ~positive[order], axis=1)[:, ends]
    positives, negatives = true[:, -1:], false[:, -1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        recall, fallout = true / positives, false / negatives
        precision = np.where(true + false > 0, true / (true + false), 0.0)
        area = np.sum(np.diff(fallout, axis=1, prepend=0) * (recall + _before(recall)) / 2, axis=1)
        average_precision = np.sum(np.diff(recall, axis=1, prepend=0) * precision, axis=1)
    one_class = ((positives == 0) | (negatives == 0))[:, 0]
    return np.where(one_class, np.nan, area), np.where(one_class, np.nan, average_precision)


def _before(values: Floats) -> Floats:
    return np.concatenate([np.zeros((len(values), 1)), values[:, :-1]], axis=1)


def bootstrap_weights(patients: NDArray[np.str_], draws: int, seed: int) -> Floats:
    """Give how often each row counts in each draw, (draws, n): patients are drawn, not rows."""
    distinct, row_of = np.unique(patients, return_inverse=True)
    drawn = np.random.default_rng(seed).multinomial(
        len(distinct), np.full(len(distinct), 1 / len(distinct)), size=draws
    )
    return drawn[:, row_of].astype(np.float64)


def mean_defined(values: Floats, axis: int = 0) -> Floats:
    """Mean over what is defined; NaN where nothing is."""
    defined = np.isfinite(values)
    count = defined.sum(axis=axis)
    total = np.where(defined, values, 0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def macro_auprc(scores: Floats, targets: Floats, counts: NDArray[np.bool_]) -> float:
    """Mean AUPRC over the labels that have both classes: what early stopping watches. NaN where none has."""
    values = [
        ranking(scores[counts[:, k], k], targets[counts[:, k], k] > 0, np.ones((1, int(counts[:, k].sum()))))[1][0]
        for k in range(scores.shape[1])
        if counts[:, k].any()
    ]
    return float(mean_defined(np.array(values)))


def best_f1_threshold(scores: Floats, positive: NDArray[np.bool_]) -> float:
    """Give the score at which F1 is highest: halfway to the next lower score; 0.5 where there is no positive."""
    if not positive.any():
        return 0.5
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    true = np.cumsum(positive[order])[ends]
    f1 = 2 * true / (ends + 1 + positive.sum())
    best = int(np.argmax(f1))
    lower = ranked[ends[best] + 1] if best + 1 < len(ends) else 0.0
    return float((ranked[ends[best]] + lower) / 2)


def expected_calibration_error(probabilities: Floats, positive: NDArray[np.bool_], bins: int = 10) -> float:
    """Mean distance of predicted and observed frequency over equal-width bins, weighted by their size."""
    place = np.minimum((probabilities * bins).astype(int), bins - 1)
    size = np.bincount(place, minlength=bins)
    predicted = np.bincount(place, probabilities, minlength=bins)
    observed = np.bincount(place, positive, minlength=bins)
    return float(np.abs(predicted - observed).sum() / max(1, size.sum()))
