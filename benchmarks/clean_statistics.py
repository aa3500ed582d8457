"""What self-training gains by batch normalisation's statistics of windows as they are.

    python -m benchmarks.clean_statistics FOLDER [--seeds 3] [--epochs 30]

Makes 600 simulated ECGs and 300 without over-reads in FOLDER and trains the `test` preset on a quarter of the labels.
After each of the last ten epochs the same weights are measured on the test split with both: the running statistics that
training left, and those estimated anew.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.train import Silent
from ml.evaluation.metrics import macro_auprc
from ml.training.loop import Training

LAST = 10


class Compared(Training):
    """A run that measures the test split before and after the statistics are estimated anew."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, Silent())  # type: ignore[arg-type]
        self.found: list[tuple[float, float]] = []

    def _settle_statistics(self) -> None:
        before = self._test()
        super()._settle_statistics()
        self.found.append((before, self._test()))

    def _test(self) -> float:
        if self.epoch <= self.pace.epochs - LAST:
            return np.nan
        rows = self.store.rows("test")
        return macro_auprc(self._logits(rows), self.labels[rows].positive > 0, self.labels[rows].counts)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=30)
    options = parser.parse_args()
    labelled, unlabelled = options.folder / "sim", options.folder / "unread"
    simulate = [sys.executable, "-m", "ml.corpus.simulator"]
    if not labelled.exists():
        subprocess.run([*simulate, labelled, "--ecgs", "600", "--seed", "1"], check=True)
        subprocess.run([*simulate, unlabelled, "--ecgs", "300", "--seed", "2", "--unread"], check=True)
    config: dict[str, Any] = {"paradigm": "self_training", "preset": "test", "labelled_fraction": 0.25, "threads": 1}
    config |= {"dataset": str(labelled), "unlabelled": str(unlabelled), "batch_size": 16, "device": "cpu"}
    config |= {"self_training": {"alpha": 0.8, "mask": "class_two_sided", "batch_size": 32}}
    config |= {"epochs": options.epochs, "patience": options.epochs}
    for seed in range(options.seeds):
        run = options.folder / f"run{seed}"
        run.mkdir()
        (run / "config.json").write_text(json.dumps({**config, "seed": seed}))
        training = Compared(run)
        while training.step < training.pace.total:
            training._train_epoch()
            training._end_epoch()
        before, after = np.transpose(training.found[-LAST:])
        print(
            f"seed {seed}: macro AUPRC {before.mean():.4f} as training left them, {after.mean():.4f} estimated anew;"
            f" better after {(after > before).sum()} of {LAST} epochs",
            flush=True,
        )


if __name__ == "__main__":
    main()
