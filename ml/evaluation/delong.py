"""DeLong's test of two AUROCs on the same rows, where a patient may have several rows."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml.evaluation.metrics import Bools, Floats, check_finite


class Delong(NamedTuple):
    """AUROCs (2,), their covariance (2, 2), and the test of their difference.

    `z` and `p` (two-sided) are None where the difference has no variance: the two rank the classes alike.
    """

    auroc: Floats
    covariance: Floats
    z: float | None
    p: float | None


def delong(scores: Floats, positive: Bools, patients: NDArray[np.str_]) -> Delong | None:
    """Compare two AUROCs.

    With one row for each patient this is DeLong, DeLong and Clarke-Pearson 1988, by midranks as in Sun and Xu 2014.
    Several rows of a patient are not independent: then it is Obuchowski 1997, with placements summed by patient.

    Parameters
    ----------
    scores
        (n, 2): what two models made of the same rows.
    positive, patients
        (n,)

    Returns
    -------
    None if a class comes from fewer than two patients: the variance is undefined.
    """
    check_finite(scores, "scores")
    distinct, patient = np.unique(patients, return_inverse=True)
    totals = [np.bincount(patient[use], minlength=len(distinct)) for use in (positive, ~positive)]
    witnesses = [int((total > 0).sum()) for total in totals]
    if min(witnesses) < 2:
        return None
    placed = _placements(scores, positive)
    auroc = placed[positive].mean(axis=0)
    apart = [_by_patient(placed - auroc, use, patient, len(distinct)) for use in (positive, ~positive)]
    within = [
        count / (count - 1) * (sums.T @ sums) / total.sum() ** 2
        for count, sums, total in zip(witnesses, apart, totals, strict=True)
    ]
    between = len(distinct) / (len(distinct) - 1) * (apart[0].T @ apart[1]) / (totals[0].sum() * totals[1].sum())
    covariance = within[0] + within[1] + between + between.T
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    if variance <= 1e-15:
        return Delong(auroc, covariance, None, None)
    z = float((auroc[0] - auroc[1]) / math.sqrt(variance))
    return Delong(auroc, covariance, z, math.erfc(abs(z) / math.sqrt(2)))


def _placements(scores: Floats, positive: Bools) -> Floats:
    """Return for each row the share of the other class that is ranked correctly against it, (n, 2); ties count half."""
    placed = np.empty(scores.shape)
    for model, column in enumerate(scores.T):
        everywhere = _midranks(column)
        for use in (positive, ~positive):
            lower = (everywhere[use] - _midranks(column[use])) / (len(column) - use.sum())
            placed[use, model] = lower if use is positive else 1 - lower
    return placed


def _midranks(values: Floats) -> Floats:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Floats = (np.cumsum(count) - (count - 1) / 2)[place]
    return ranks


def _by_patient(values: Floats, use: Bools, patient: NDArray[np.int64], patients: int) -> Floats:
    return np.stack([np.bincount(patient[use], column[use], minlength=patients) for column in values.T], axis=1)
