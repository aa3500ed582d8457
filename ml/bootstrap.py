"""The bootstrap over patients (Efron 1979), for AUROC, AUPRC and their curves of every label at once."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml.metrics import CURVE_STEPS, Bools, Floats, rank_labels

_ROWS_WORTH_THREADS = 20_000  # below, the interpreter's lock costs more than a second core gives


class Drawn(NamedTuple):
    """What every draw measured; NaN where a draw has one class only of a label.

    `auroc` and `auprc` are (draws, labels); `tpr` and `precision` (draws, labels, 101), see `ml.metrics.Measured`, or
    None where no curves were asked for. All labels see the same draws: their mean is a macro figure of that draw.
    """

    auroc: Floats
    auprc: Floats
    tpr: Floats | None
    precision: Floats | None

    @classmethod
    def empty(cls, draws: int, labels: int, curves: bool) -> "Drawn":
        """Make room for every draw."""
        shape = (draws, labels)
        of_curves = [np.empty((*shape, CURVE_STEPS + 1)) for _ in range(2)] if curves else [None, None]
        return cls(np.empty(shape), np.empty(shape), *of_curves)


class Patients:
    """Who is drawn. Draw number d follows from the seed and d alone, whoever asks for it and in which order.

    Attributes
    ----------
    count
        How many distinct patients there are.
    of_row
        (n,): whose each row is, 0 to `count` − 1.
    """

    def __init__(self, patients: NDArray[np.str_], seed: int) -> None:
        distinct, self.of_row = np.unique(patients, return_inverse=True)
        self.count, self._seed = len(distinct), seed

    def chosen(self, number: int) -> NDArray[np.int64]:
        """Give the patients of a draw, (count,), with replacement."""
        return np.random.default_rng([self._seed, number]).integers(0, self.count, self.count, dtype=np.int64)

    def draw(self, number: int) -> Floats:
        """Give how often each row counts, (n,): a patient is drawn with all of their rows."""
        times = np.bincount(self.chosen(number), minlength=self.count).astype(np.float64)
        return times.take(self.of_row)


def bootstrap(
    scores: Floats,
    positive: Bools,
    counts: Bools,
    patients: NDArray[np.str_],
    draws: int,
    seed: int,
    *,
    curves: bool = False,
    device: str = "cpu",
    threads: int | None = None,
) -> Drawn:
    """Measure every label in every draw of the patients.

    Parameters
    ----------
    scores, positive, counts
        (n, labels); a row whose `counts` is false says nothing of that label.
    patients
        (n,)
    device
        On a CUDA device torch measures the same draws; on any other NumPy does.
    threads
        On the CPU; all cores this process may use unless given. The figures do not depend on it.
    """
    if device.startswith("cuda"):
        from ml.bootstrap_on_gpu import bootstrap_on

        return bootstrap_on(device, scores, positive, counts, Patients(patients, seed), draws, curves)
    ranked, drawer = rank_labels(scores, positive, counts), Patients(patients, seed)
    result = Drawn.empty(draws, scores.shape[1], curves)

    def measure(number: int) -> None:
        weights = drawer.draw(number)
        for k, label in enumerate(ranked):
            measured = label.measure(weights, curves)
            result.auroc[number, k], result.auprc[number, k] = measured.auroc, measured.auprc
            if result.tpr is not None and result.precision is not None:
                result.tpr[number, k], result.precision[number, k] = measured.tpr, measured.precision

    if len(scores) < _ROWS_WORTH_THREADS:
        threads = 1
    with ThreadPoolExecutor(threads or _cores()) as pool:  # NumPy lets go of the interpreter's lock in its loops
        list(pool.map(measure, range(draws)))
    return result


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
