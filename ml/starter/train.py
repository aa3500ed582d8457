"""Make the starter model: `python -m ml.starter.train --ptbxl FOLDER --out BUNDLE`.

It is trained on folds 1–7 of the PTB-XL ECGs in the folder; thresholds and calibration are chosen on fold 8. With
`--towers-of BUNDLE` only the forest is grown, and the towers are that bundle's. With `--cross-validate 1 2 …` nothing
is written: each of these folds is predicted by a network trained on the others.
"""

import argparse
import hashlib
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ml.bundles import bundle
from ml.corpus.simulator import simulate
from ml.evaluation.calibration import operating_point
from ml.evaluation.metrics import auroc_auprc
from ml.measurements import measure
from ml.networks.beatnet import BEAT_PRESETS, FOREST_MEASUREMENTS, BeatNet, Tower, beat_view, views
from ml.processes.run_folder import json_safe
from ml.rules.measured import RULES_SHA256
from ml.signals import Preprocessing, preprocess
from ml.starter.augmentation import vary
from ml.starter.card import CARD, card
from ml.starter.forest import TREES, grow
from ml.starter.ptbxl import CITATION, LABELS, Examples, read_examples
from ml.starter.towers import TowerData, View, beat_view_of, narrow, strip_view_of, train_tower, widen

PRESET = "starter"
TRAIN_FOLDS, CHOICE_FOLD = range(1, 8), 8
SIMULATED = 1500
SIMULATED_SEED = 8
MIN_POSITIVES = 5  # a label with fewer is learnt from simulated ECGs as well, and by the forest alone


@dataclass(frozen=True)
class Recipe:
    """The parameters of the model's training."""

    seed: int
    epochs: int
    copies: int


@dataclass(frozen=True, eq=False)
class Material:
    """The network's inputs for the ECGs, and for simulated ECGs.

    Attributes
    ----------
    measurements
        (n, m) float32.
    beats
        (1 + copies, n, 12, 125): of the ECGs, and of their augmented copies.
    strips
        (n, 12, 1000).
    simulated, simulated_positive
        (s, m) float32 and (s, 13) bool.
    """

    measurements: NDArray[np.float32]
    beats: Tensor
    strips: Tensor
    simulated: NDArray[np.float32]
    simulated_positive: NDArray[np.bool_]


def prepare(examples: Examples, recipe: Recipe) -> Material:
    """Return the measurements of every ECG, its augmented copies, and the simulated ECGs."""
    measurements, beats, strips = views(examples.windows)
    copies = beat_copies(examples, beats, recipe)
    _say("ECGs measured")
    simulated, labels = [], []
    for ecg in simulate(SIMULATED, SIMULATED_SEED):
        windows = preprocess(ecg.recording.millivolts(), ecg.recording.sampling_rate_hz).values
        simulated.append(windows[0])
        labels.append([key in ecg.overread for key in LABELS])
    return Material(measurements.numpy(), copies, strips, views(np.stack(simulated))[0].numpy(), np.array(labels))


def beat_copies(examples: Examples, beats: Tensor, recipe: Recipe) -> Tensor:
    """Return the averaged beats of the ECGs, (n, 12, 125), and of augmented copies: (1 + copies, n, 12, 125) halves."""
    copies = [beats.half()]
    for copy in range(recipe.copies):
        varied = [
            measure(vary(window, np.random.default_rng([recipe.seed, copy, int(ecg_id)]))).beat
            for ecg_id, window in zip(examples.ecg_ids, examples.windows, strict=True)
        ]
        copies.append(torch.from_numpy(beat_view(np.stack(varied))).half())
        _say(f"copy {copy + 1} of {recipe.copies} measured")
    return torch.stack(copies)


def fit(
    examples: Examples, material: Material, rows: NDArray[np.int64], recipe: Recipe, *, towers_of: Path | None = None
) -> BeatNet:
    """Return a network trained on some of the examples; its towers are those of a bundle where one is given."""
    torch.manual_seed(recipe.seed)
    net = BeatNet(BEAT_PRESETS[PRESET], len(LABELS))
    fit_forest(net, examples, material, rows, recipe=recipe)
    if towers_of is not None:
        take_towers(net, towers_of)
    else:
        fit_tower(net.beat, beat_view_of(material.beats), examples, rows, recipe=recipe)
        fit_tower(net.strip, strip_view_of(material.strips), examples, rows, recipe=recipe)
    return net.eval()


def take_towers(net: BeatNet, folder: Path) -> None:
    """Give a network the towers of a bundle; its forest stays."""
    weights = bundle.read_weights(folder, bundle.read_manifest(folder))
    towers = {name: tensor for name, tensor in weights.items() if not name.startswith("forest.")}
    net.load_state_dict({**net.state_dict(), **towers})


def fit_forest(
    net: BeatNet, examples: Examples, material: Material, rows: NDArray[np.int64], *, recipe: Recipe
) -> None:
    """Train the trees of every label."""
    seeds = range(recipe.seed, recipe.seed + BEAT_PRESETS[PRESET].trees // TREES)
    often = _often(examples, rows)
    for output, key in enumerate(LABELS):
        known = rows[examples.known[rows, output]]
        measurements, positive = material.measurements[known], examples.positive[known, output]
        if not often[output]:
            measurements = np.concatenate([measurements, material.simulated])
            positive = np.concatenate([positive, material.simulated_positive[:, output]])
        grow(net.forest, output, measurements, positive, seeds=seeds)
        _say(f"forest of {key} grown")


def fit_tower(tower: Tower, view: View, examples: Examples, rows: NDArray[np.int64], *, recipe: Recipe) -> None:
    """Train a tower on labels and further targets; its outputs for the rare labels become 0."""
    targets = np.concatenate([examples.positive, examples.further], axis=1).astype(np.float32)
    counts = np.concatenate([examples.known, examples.further_known], axis=1).astype(np.float32)
    tower_data = TowerData(view, torch.from_numpy(targets), torch.from_numpy(counts), len(LABELS))
    torch.manual_seed(recipe.seed)  # each tower is the same whatever was trained before it
    widen(tower, targets.shape[1])
    train_tower(tower, tower_data, rows, recipe.epochs, seed=recipe.seed)
    narrow(tower, _often(examples, rows))
    _say("tower trained")


def _often(examples: Examples, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which labels have enough positives to learn from, (13,)."""
    often: NDArray[np.bool_] = (examples.positive & examples.known)[rows].sum(axis=0) >= MIN_POSITIVES
    return often


def parts(net: BeatNet, material: Material, rows: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """Return the logits, (rows, 13), of the forest, of each tower alone, and of the network."""
    with torch.inference_mode():
        forest = net.forest(torch.from_numpy(material.measurements[rows]))
        beat, strip = net.beat(material.beats[0, rows].float()), net.strip(material.strips[rows])
    together = forest + net.share * (beat + strip)
    named = {"forest": forest, "beat": beat, "strip": strip, "together": together}
    return {name: logits.double().numpy() for name, logits in named.items()}


def cross_validate(examples: Examples, material: Material, folds: Sequence[int], recipe: Recipe) -> None:
    """Print the metrics of the network and of each of its parts on folds that they were not trained on."""
    rows = np.flatnonzero(np.isin(examples.folds, folds))
    held: dict[str, NDArray[np.float64]] = {}
    for fold in folds:
        net = fit(examples, material, np.flatnonzero(examples.folds != fold), recipe)
        own = np.flatnonzero(examples.folds == fold)
        for name, logits in parts(net, material, own).items():
            held.setdefault(name, np.full(examples.positive.shape, np.nan))[own] = logits
        _say(f"fold {fold} predicted")
    for name, logits in held.items():
        print(f"{name:10s} {_line(metrics_of(examples, rows, logits[rows]))}")


def metrics_of(examples: Examples, rows: NDArray[np.int64], logits: NDArray[np.float64]) -> dict[str, Any]:
    """Return AUROC and AUPRC by label, and macro over the labels with five positives or more."""
    positive, known = examples.positive[rows], examples.known[rows]
    auroc, auprc = auroc_auprc(logits, positive, known)
    counted = (positive & known).sum(axis=0)
    enough = counted >= MIN_POSITIVES
    labels = {
        key: {"windows": int(known[:, k].sum()), "positives": int(counted[k]), "auroc": auroc[k], "auprc": auprc[k]}
        for k, key in enumerate(LABELS)
    }
    return {
        "macro_auroc": float(auroc[enough].mean()),
        "macro_auprc": float(auprc[enough].mean()),
        "macro_labels": int(enough.sum()),
        "labels": json_safe({key: {n: float(v) for n, v in each.items()} for key, each in labels.items()}),
    }


def save(folder: Path, net: BeatNet, examples: Examples, material: Material, *, recipe: Recipe) -> None:
    """Choose thresholds and calibration on fold 8, measure there, and write bundle and card."""
    rows = np.flatnonzero(examples.folds == CHOICE_FOLD)
    said = parts(net, material, rows)
    logits = said["together"]
    measured = metrics_of(examples, rows, logits)
    points = [
        operating_point(logits[known, k], examples.positive[rows][known, k])
        for k, known in enumerate(examples.known[rows].T)
    ]
    content = hashlib.sha256(examples.windows.astype("<f2").tobytes() + examples.positive.tobytes())
    manifest = {
        "paradigm": "supervised",
        "architecture": "beatnet",
        "preset": PRESET,
        "labels": [
            {"key": key, "name": name, **vars(point)} for (key, name), point in zip(LABELS.items(), points, strict=True)
        ],
        "preprocessing": Preprocessing().to_dict(),
        "dataset_sha256": content.hexdigest(),
        "attribution": CITATION,
        "training": {
            **vars(recipe),
            "label_source": "overread",
            "hedged": "negative",
            "ecgs": int(np.isin(examples.folds, TRAIN_FOLDS).sum()),
            "measurements": list(FOREST_MEASUREMENTS),
            "rules_sha256": RULES_SHA256,
        },
        "metrics": {"overread": measured},
    }
    bundle.save(folder, manifest, net.state_dict(), lambda complete: {CARD: card(complete)})
    for name, each in said.items():
        print(f"{name:10s} {_line(metrics_of(examples, rows, each))}")


def main() -> None:
    """Make the bundle, or cross-validate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ptbxl", type=Path, required=True, help="folder with the table and the signals")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "bundle")
    parser.add_argument("--towers-of", type=Path, metavar="BUNDLE", help="take its towers, and grow the forest alone")
    parser.add_argument("--cross-validate", type=int, nargs="+", metavar="FOLD")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--copies", type=int, default=3, help="augmented copies of each ECG")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    recipe = Recipe(given.seed, given.epochs, given.copies)
    examples = read_examples(given.ptbxl)
    _say(f"{len(examples.ecg_ids)} ECGs read")
    material = prepare(examples, recipe if given.towers_of is None else replace(recipe, copies=0))
    if given.cross_validate:
        cross_validate(examples, material, given.cross_validate, recipe)
        return
    rows = np.flatnonzero(np.isin(examples.folds, TRAIN_FOLDS))
    net = fit(examples, material, rows, recipe, towers_of=given.towers_of)
    save(given.out, net, examples, material, recipe=recipe)


def _line(measured: dict[str, Any]) -> str:
    each = " ".join(
        f"{key} {measured_label['auroc']:.3f}/{measured_label['auprc']:.3f}"
        for key, measured_label in measured["labels"].items()
        if measured_label["auroc"] is not None and measured_label["positives"]
    )
    macro = f"macro AUROC {measured['macro_auroc']:.4f} AUPRC {measured['macro_auprc']:.4f}"
    return f"{macro} over {measured['macro_labels']} labels; {each}"


_BEGAN = time.monotonic()


def _say(message: str) -> None:
    print(f"{time.monotonic() - _BEGAN:6.0f} s  {message}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
