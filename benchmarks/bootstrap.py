"""How fast AUROC and AUPRC are bootstrapped, beside scikit-learn in a loop: `python -m benchmarks.bootstrap`.

First a size that both can finish, where the figures must agree to 1e-6; then the size of the paper's test split:
400,000 ECGs, 13 labels as often as in Table A.1, 1,000 draws. Where there is a GPU it does the same again.
"""

import argparse
import os
import sys
import time

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks import figures
from ml.evaluation.bootstrap import bootstrap
from ml.evaluation.draws import Drawn, Patients
from ml.evaluation.metrics import Bools, Floats

# over-read positives of 2,030,000 ECGs (Table A.1), sinus rhythm to posterior MI
SHARES = [0.911, 0.0676, 0.0293, 0.0713, 0.0212, 0.1014, 0.0250, 0.0044, 0.1553, 0.0208, 0.1214, 0.0886, 0.0142]


def make_rows(ecgs: int, seed: int) -> tuple[Floats, Bools, Bools, np.ndarray]:
    """Make scores that tell the classes apart about as well as the paper's, one ECG a patient: the most to draw."""
    random = np.random.default_rng(seed)
    positive = random.random((ecgs, len(SHARES))) < SHARES
    scores = random.normal(size=positive.shape) + 3 * positive
    return scores, positive, np.ones_like(positive), np.array([f"patient{number}" for number in range(ecgs)])


def in_a_loop(scores: Floats, positive: Bools, patients: np.ndarray, draws: int, seed: int) -> tuple[Floats, Floats]:
    """Measure the same draws with scikit-learn, one call a label and draw."""
    drawer = Patients(patients, seed)
    auroc, auprc = np.empty((2, draws, scores.shape[1]))
    for draw in range(draws):
        rows = np.repeat(np.arange(len(scores)), drawer.draw(draw).astype(np.int64))
        for k in range(scores.shape[1]):
            auroc[draw, k] = roc_auc_score(positive[rows, k], scores[rows, k])
            auprc[draw, k] = average_precision_score(positive[rows, k], scores[rows, k])
    return auroc, auprc


def timed(
    rows: tuple[Floats, Bools, Bools, np.ndarray], draws: int, device: str, curves: bool
) -> tuple[float, float, Drawn]:
    """Bootstrap once; seconds, and how much of them the processors worked, and figures."""
    start, worked = time.perf_counter(), time.process_time()
    drawn = bootstrap(*rows, draws=draws, seed=0, device=device, curves=curves)
    return time.perf_counter() - start, time.process_time() - worked, drawn


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ecgs", type=int, default=400_000)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--small-ecgs", type=int, default=20_000)
    parser.add_argument("--small-draws", type=int, default=20)
    figures.add_argument(parser)
    options = parser.parse_args()
    devices = ["cpu", *_gpus()]
    print(f"{len(os.sched_getaffinity(0))} cores; {len(SHARES)} labels; AUROC and AUPRC of every label in every draw")

    rows = make_rows(options.small_ecgs, seed=1)
    start = time.perf_counter()
    expected = in_a_loop(rows[0], rows[1], rows[3], options.small_draws, seed=0)
    loop = time.perf_counter() - start
    print(f"\n{options.small_ecgs:,} ECGs, {options.small_draws:,} draws")
    print(f"  scikit-learn in a loop  {loop:8.2f} s")
    for device in devices:
        seconds, _, drawn = timed(rows, options.small_draws, device, curves=False)
        apart = max(float(np.abs(a - b).max()) for a, b in zip(expected, drawn, strict=False) if b is not None)
        print(f"  {device:<22}  {seconds:8.2f} s  {loop / seconds:6.0f} x   largest difference {apart:.1e}")
        sizes = {"ecgs": options.small_ecgs, "draws": options.small_draws}
        figures.keep(options, device=device, **sizes, seconds=round(seconds, 3), loop_s=round(loop, 3), apart=apart)
        if apart > 1e-6:
            sys.exit("the figures differ by more than 1e-6")

    rows = make_rows(options.ecgs, seed=2)
    print(f"\n{options.ecgs:,} ECGs, {options.draws:,} draws")
    for device in devices:
        for curves in (False, True):
            seconds, worked, _ = timed(rows, options.draws, device, curves)
            sizes = {"ecgs": options.ecgs, "draws": options.draws, "curves": curves}
            figures.keep(options, device=device, **sizes, seconds=round(seconds, 3))
            name = device + (", with ROC and PR curves" if curves else "")
            print(f"  {name:<30}  {seconds:8.2f} s  ({worked:.1f} s of processor time)")
    share = options.ecgs * options.draws / (options.small_ecgs * options.small_draws)
    print(
        f"  scikit-learn would take at least {loop * share / 3600:.1f} h (not run: the loop above times {share:,.0f})"
    )


def _gpus() -> list[str]:
    import torch

    return ["cuda"] if torch.cuda.is_available() else []


if __name__ == "__main__":
    main()
