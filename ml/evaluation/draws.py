"""What a bootstrap draws, and what it measures in each draw."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml.evaluation.metrics import CURVE_STEPS, Floats


class Drawn(NamedTuple):
    """What every draw measured; NaN where a draw has one class only of a label.

    `auroc` and `auprc` are (draws, labels); `tpr` and `precision` (draws, labels, 101), as in
    `ml.evaluation.metrics.Measured`, or None where no curves were asked for. All labels see the same draws: their mean
    is a macro figure of that draw.
    """

    auroc: Floats
    auprc: Floats
    tpr: Floats | None
    precision: Floats | None

    @classmethod
    def empty(cls, draws: int, labels: int, curves: bool) -> "Drawn":
        """Return arrays for every draw, not yet filled."""
        shape = (draws, labels)
        of_curves = [np.empty((*shape, CURVE_STEPS + 1)) for _ in range(2)] if curves else [None, None]
        return cls(np.empty(shape), np.empty(shape), *of_curves)


class Patients:
    """The patients of each draw. Draw d depends on the seed and d only, not on the order of the calls.

    Attributes
    ----------
    count
        The number of distinct patients.
    of_row
        (n,): the patient of each row, 0 to `count` − 1.
    """

    def __init__(self, patients: NDArray[np.str_], seed: int) -> None:
        distinct, self.of_row = np.unique(patients, return_inverse=True)
        self.count, self._seed = len(distinct), seed

    def chosen(self, number: int) -> NDArray[np.int64]:
        """Return the patients of a draw, (count,), with replacement."""
        return np.random.default_rng([self._seed, number]).integers(0, self.count, self.count, dtype=np.int64)

    def draw(self, number: int) -> Floats:
        """Return how often each row counts, (n,): a patient is drawn with all of their rows."""
        times = np.bincount(self.chosen(number), minlength=self.count).astype(np.float64)
        return times.take(self.of_row)
