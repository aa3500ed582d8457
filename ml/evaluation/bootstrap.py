"""The bootstrap over patients (Efron 1979), for AUROC, AUPRC and their curves of every label at once."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from ml.evaluation.draws import Drawn, Patients
from ml.evaluation.metrics import Bools, Floats, check_finite, rank_labels

_ROWS_WORTH_THREADS = 20_000  # below, the interpreter's lock costs more than a second core gives


def bootstrap(
    scores: Floats,
    positive: Bools,
    counts: Bools,
    patients: NDArray[np.str_],
    *,
    draws: int,
    seed: int,
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
        On the CPU; all cores this process may use unless given. The numbers do not depend on it.
    """
    check_finite(scores[counts], "scores")
    if device.startswith("cuda"):
        from ml.evaluation.bootstrap_on_gpu import bootstrap_on

        return bootstrap_on(
            scores, positive, counts, Patients(patients, seed), draws=draws, curves=curves, device=device
        )
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
