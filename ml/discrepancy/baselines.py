"""Scores of a change that need no discrepancy model: its table has them beside it."""

import numpy as np
from numpy.typing import NDArray

from ml.discrepancy.pairs import Pairs
from ml.discrepancy.trees import Floats


def prior(pairs: Pairs, fitted: NDArray[np.int64]) -> Floats:
    """Return how often statements are changed, (n, labels): by label and by what the machine said of it."""
    changed = pairs.machine != pairs.overread
    result = np.empty(pairs.status.shape)
    for status in (0, 1, 2):
        said = pairs.status == status
        rate = ((changed & said)[fitted].sum(axis=0) + 0.5) / (said[fitted].sum(axis=0) + 1)
        result = np.where(said, rate, result)
    return result


def difference(pairs: Pairs, probabilities: Floats, fitted: NDArray[np.int64]) -> Floats:
    """Return |p - machine|, (n, labels), of the model's probabilities; where there is none, of the label's rate."""
    usual = pairs.overread[fitted].mean(axis=0)
    p = np.where(np.isnan(probabilities), usual, probabilities)
    away: Floats = np.abs(p - pairs.machine)
    return away
