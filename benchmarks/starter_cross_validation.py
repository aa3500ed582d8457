"""The starter model by cross-validation: tables of docs/measurements/starter_model.md.

    python -m benchmarks.starter_cross_validation --keep FOLDER [--seeds 0 1 2] [--towers]

Each of folds 1-8 is predicted from the seven others, with and without the rule reader's measurements: by one forest a
seed, by their mean (the model that ships has six), and, where asked for, with both towers (seed 0) at an eighth, as
the model that ships has them, and at other shares.
Figures are over the nine labels with five positive ECGs or more; differences have 95 % intervals by bootstrap over
patients, paired. What was worked out is kept in FOLDER, so that a run can be taken up again; what each part cost is
printed.
"""

import argparse
import csv
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.starter_alternatives import SHARED
from ml.archives.ptbxl import TABLE
from ml.evaluation.metrics import auroc_auprc
from ml.measurements import MEASUREMENTS
from ml.networks.beatnet import BEAT_PRESETS, BeatNet, views
from ml.starter.forest import booster
from ml.starter.ptbxl import LABELS, Examples, read_examples
from ml.starter.towers import beat_view_of, strip_view_of
from ml.starter.train import MIN_POSITIVES, PRESET, Recipe, beat_copies, fit_tower

DRAWS = 1000
FOLDS = range(1, 9)
OTHER_SHARES = (1 / 16, 3 / 16, 1 / 4)  # of the towers' logits beside the forest's
Floats = NDArray[np.float64]


class Kept:
    """Arrays in a folder: what is there already is not worked out again."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder

    def get(self, name: str, make: Callable[[], Any]) -> Any:
        """Return the array of this name."""
        path = self.folder / f"{name}.npy"
        if not path.exists():
            began = time.process_time()
            np.save(path, make())
            print(f"{name}: {time.process_time() - began:.0f} s of processor time", flush=True)
        return np.load(path)


def forest_logits(examples: Examples, measurements: NDArray[np.float32], seed: int) -> Floats:
    """Return what one forest says of each fold when it has seen the others, (n, 13); 0 of labels with few positives."""
    size = BEAT_PRESETS[PRESET]
    said = np.zeros(examples.positive.shape)
    for fold in FOLDS:
        own = examples.folds == fold
        for k in often(examples):
            rows = ~own & examples.known[:, k]
            trees = booster(size.leaves, size.depth, seed).fit(measurements[rows], examples.positive[rows, k])
            said[own, k] = trees.decision_function(measurements[own])
    return said


def seen_by_forest(examples: Examples) -> NDArray[np.float32]:
    """Return the measurements of every ECG, (n, m)."""
    measurements: NDArray[np.float32] = views(examples.windows)[0].numpy()
    return measurements


def tower_logits(examples: Examples, kept: Kept) -> Floats:
    """Return what both towers say together of each fold when they have seen the others, (n, 13)."""
    recipe = Recipe(seed=0, epochs=20, copies=3)
    _, beats, strips = views(examples.windows)
    beats = torch.from_numpy(kept.get("beats", lambda: beat_copies(examples, beats, recipe).numpy()))

    def of_fold(fold: int) -> Floats:
        rows, own = np.flatnonzero(examples.folds != fold), np.flatnonzero(examples.folds == fold)
        torch.manual_seed(recipe.seed)
        net = BeatNet(BEAT_PRESETS[PRESET], len(LABELS))
        fit_tower(net.beat, beat_view_of(beats), examples, rows, recipe=recipe)
        fit_tower(net.strip, strip_view_of(strips), examples, rows, recipe=recipe)
        with torch.inference_mode():
            logits: Floats = (net.beat(beats[0, own].float()) + net.strip(strips[own])).double().numpy()
        return logits

    said = np.empty(examples.positive.shape)
    for fold in FOLDS:
        said[examples.folds == fold] = kept.get(f"towers_{fold}", partial(of_fold, fold))
    return said


def patients_of(examples: Examples, folder: Path) -> NDArray[np.int64]:
    """Return the patient of each ECG, (n,)."""
    with (folder / TABLE).open(newline="", encoding="utf-8") as table:
        found = {int(row["ecg_id"]): int(float(row["patient_id"])) for row in csv.DictReader(table)}
    return np.array([found[ecg_id] for ecg_id in examples.ecg_ids.tolist()])


def macro(scores: Floats, examples: Examples, rows: NDArray[np.int64], labels: NDArray[np.int64]) -> Floats:
    """Return macro AUROC and AUPRC over some rows and labels, (2,)."""
    positive, known = examples.positive[rows][:, labels], examples.known[rows][:, labels]
    figures: Floats = np.nanmean(auroc_auprc(scores[rows][:, labels], positive, known), axis=1)
    return figures


def differences(one: Floats, other: Floats, examples: Examples, patients: NDArray[np.int64]) -> Floats:
    """Return `one` minus `other` in macro AUROC and AUPRC by draw, (draws, 2): patients are drawn with replacement."""
    labels = often(examples)
    whose = np.unique(patients, return_inverse=True)[1]
    of_patient = [np.flatnonzero(whose == patient) for patient in range(whose.max() + 1)]
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(DRAWS):
        rows = np.concatenate([of_patient[patient] for patient in rng.integers(0, len(of_patient), len(of_patient))])
        drawn.append(macro(one, examples, rows, labels) - macro(other, examples, rows, labels))
    return np.array(drawn)


def often(examples: Examples) -> NDArray[np.int64]:
    """Return the columns of the labels with enough positives."""
    return np.flatnonzero((examples.positive & examples.known).sum(axis=0) >= MIN_POSITIVES)


def say(what: str, logits: Floats, examples: Examples) -> None:
    """Print macro AUROC and AUPRC."""
    auroc, auprc = macro(logits, examples, np.arange(len(logits)), often(examples))
    print(f"{what}: AUROC {auroc:.4f} AUPRC {auprc:.4f}", flush=True)


def compare(what: str, with_rules: Floats, without: Floats, examples: Examples, patients: NDArray[np.int64]) -> None:
    """Print the figures of a model with and without the rules' measurements, and their differences."""
    say(f"{what}, without", without, examples)
    say(f"{what}, with", with_rules, examples)
    drawn = differences(with_rules, without, examples, patients)
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    more = (drawn > 0).mean(axis=0)
    print(
        f"{what}, with minus without: AUROC {low[0]:+.4f} to {high[0]:+.4f} (more in {more[0]:.1%} of draws), "
        f"AUPRC {low[1]:+.4f} to {high[1]:+.4f} ({more[1]:.1%})",
        flush=True,
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ptbxl", type=Path, default=SHARED / "data/ptbxl")
    parser.add_argument("--keep", type=Path, required=True, help="a folder for what was worked out")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--towers", action="store_true", help="with the towers")
    options = parser.parse_args()
    torch.set_num_threads(1)
    kept, examples = Kept(options.keep), read_examples(options.ptbxl)
    patients = patients_of(examples, options.ptbxl)
    measurements = kept.get("measurements", partial(seen_by_forest, examples))
    sets = {"with": measurements, "without": measurements[:, : len(MEASUREMENTS)]}
    forests: dict[str, list[Floats]] = {"with": [], "without": []}
    for seed in options.seeds:
        for name, seen in sets.items():
            forests[name].append(kept.get(f"forest_{name}_{seed}", partial(forest_logits, examples, seen, seed)))
        compare(f"forest {seed}", forests["with"][-1], forests["without"][-1], examples, patients)
    mean = {name: np.mean(each, axis=0) for name, each in forests.items()}
    compare(f"{len(options.seeds)} forests", mean["with"], mean["without"], examples, patients)
    if options.towers:
        said = kept.get("towers", partial(tower_logits, examples, kept))
        for share in OTHER_SHARES:
            say(f"towers at {share:g}", mean["with"] + share * said, examples)
        towers = BEAT_PRESETS[PRESET].share * said
        compare("forests and towers", mean["with"] + towers, mean["without"] + towers, examples, patients)


if __name__ == "__main__":
    main()
