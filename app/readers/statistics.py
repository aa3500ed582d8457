"""Agreement of several readers of the same ECGs."""

import numpy as np
from numpy.typing import NDArray

from app.disagreement.statistics import Z95, Rate


def fleiss(histogram: NDArray[np.int64]) -> Rate:
    """Return Fleiss' kappa (Fleiss 1971) of a finding, for ECGs that n readers each read.

    `histogram` is (…, n + 1), n ≥ 2: how many ECGs 0, 1, … n of the readers called positive. Not defined where all
    readings are positive, or all negative. The 95 % interval is for large samples: kappa is a function of two means of
    ECGs, the share of agreeing pairs of readers and the share of positive readings, so its variance is that of its
    influence function (the delta method). The readers are fixed, the ECGs are a sample.
    """
    n = histogram.shape[-1] - 1
    positive = np.arange(n + 1)
    ecgs = histogram.sum(axis=-1)
    weights = histogram / np.where(ecgs > 0, ecgs, np.nan)[..., None]
    agreeing = (positive * (positive - 1) + (n - positive) * (n - positive - 1)) / (n * (n - 1))
    share = positive / n
    observed, p = weights @ agreeing, weights @ share
    one_answer = (histogram[..., 0] == ecgs) | (histogram[..., n] == ecgs)
    expected = np.where(one_answer, np.nan, p**2 + (1 - p) ** 2)
    value = (observed - expected) / (1 - expected)
    by_share = (4 * p - 2) * (observed - 1) / (1 - expected) ** 2
    influence = (agreeing - observed[..., None]) / (1 - expected)[..., None]
    influence = influence + by_share[..., None] * (share - p[..., None])
    variance = (weights * influence**2).sum(axis=-1) / ecgs.clip(1)
    half = Z95 * np.sqrt(variance)
    return Rate(value, np.maximum(-1, value - half), np.minimum(1, value + half))
