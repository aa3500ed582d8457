"""What else could learn from the same measurements: `python -m benchmarks.starter_alternatives [--folds 1 3 5 8]`.

Each fold is predicted by models trained on the seven others; figures are over the labels with five positive ECGs or
more. The starter model itself, tower by tower: `python -m ml.starter.train --ptbxl FOLDER --cross-validate 1 3 5 8`.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer
from torch import nn
from torch.nn import functional

from ml.measurements import measure
from ml.networks.beatnet import BEAT_PRESETS
from ml.starter.forest import booster
from ml.starter.ptbxl import LABELS, Examples, read_examples
from ml.starter.train import MIN_POSITIVES, PRESET, metrics_of

SHARED = Path(__file__).resolve().parents[2] / "shared"
BINS = 12
Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Learner = Callable[[Floats, Bools, Bools, Floats], NDArray[np.float64]]


def logistic(x: Floats, y: Bools, known: Bools, new: Floats) -> NDArray[np.float64]:
    """Logistic regression on ranks turned normal, a label at a time."""
    ranks = QuantileTransformer(n_quantiles=100, output_distribution="normal")
    model = make_pipeline(ranks, LogisticRegression(C=0.003, class_weight="balanced", max_iter=300))
    return _each(model, x, y, known, new)


def extra_trees(x: Floats, y: Bools, known: Bools, new: Floats) -> NDArray[np.float64]:
    """Extremely randomised trees, a label at a time (too large for a bundle)."""
    model = ExtraTreesClassifier(300, min_samples_leaf=2, max_features=0.3, class_weight="balanced", random_state=0)
    return _each(model, x, y, known, new)


def boosted(x: Floats, y: Bools, known: Bools, new: Floats) -> NDArray[np.float64]:
    """Boosted trees, a label at a time: one of the forests that the starter model averages."""
    model = booster(BEAT_PRESETS[PRESET].leaves, BEAT_PRESETS[PRESET].depth, seed=0)
    return _each(model, x, y, known, new)


def perceptron(x: Floats, y: Bools, known: Bools, new: Floats) -> NDArray[np.float64]:
    """Two hidden layers on a piecewise linear encoding (Gorishniy et al. 2022), all labels at once."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    knots = torch.from_numpy(np.quantile(x, np.linspace(0.005, 0.995, BINS + 1), axis=0).T.astype(np.float32))

    def encoded(values: NDArray[np.float32]) -> torch.Tensor:
        place = (torch.from_numpy(values)[..., None] - knots[:, :-1]) / (knots[:, 1:] - knots[:, :-1]).clamp(min=1e-6)
        return place.clamp(0, 1).flatten(1) - 0.5

    hidden = [nn.Linear(x.shape[1] * BINS, 128), nn.LayerNorm(128), nn.SiLU(), nn.Dropout(0.4)]
    net = nn.Sequential(nn.Dropout(0.25), *hidden, nn.Linear(128, 128), nn.SiLU(), nn.Dropout(0.4), nn.Linear(128, 13))
    steps = 30 * (len(x) // 64)
    optimizer = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps, pct_start=0.15)
    inputs, targets, counts = encoded(x), torch.from_numpy(y).float(), torch.from_numpy(known).float()
    for _ in range(steps):
        rows = rng.choice(len(x), 64, replace=False)
        each = functional.binary_cross_entropy_with_logits(net(inputs[rows]), targets[rows], reduction="none")
        optimizer.zero_grad()
        (each * counts[rows]).mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    with torch.inference_mode():
        scores: NDArray[np.float64] = net.eval()(encoded(new)).double().numpy()
    return scores


def _each(model: Any, x: Floats, y: Bools, known: Bools, new: Floats) -> NDArray[np.float64]:
    scores = np.full((len(new), y.shape[1]), np.nan)
    for k in range(y.shape[1]):
        use = known[:, k]
        if y[use, k].sum() >= MIN_POSITIVES:
            scores[:, k] = model.fit(x[use], y[use, k]).predict_proba(new)[:, 1]
    said: NDArray[np.float64] = np.nan_to_num(scores)
    return said


def held_out(examples: Examples, measurements: Floats, folds: list[int], learner: Learner) -> NDArray[np.float64]:
    """Predict each fold from the others, (n, 13)."""
    scores = np.zeros((len(measurements), len(LABELS)))
    for fold in folds:
        own, others = examples.folds == fold, examples.folds != fold
        scores[own] = learner(
            measurements[others], examples.positive[others], examples.known[others], measurements[own]
        )
    return scores


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ptbxl", type=Path, default=SHARED / "data/ptbxl")
    parser.add_argument("--folds", type=int, nargs="+", default=list(range(1, 9)))
    options = parser.parse_args()
    torch.set_num_threads(1)
    examples = read_examples(options.ptbxl)
    measurements = np.stack([measure(window).values for window in examples.windows])
    rows = np.flatnonzero(np.isin(examples.folds, options.folds))
    print(f"{len(rows)} ECGs of folds {options.folds}")
    for learner in (perceptron, logistic, boosted, extra_trees):
        scores = held_out(examples, measurements, options.folds, learner)
        figures = metrics_of(examples, rows, scores[rows])
        macro = f"AUROC {figures['macro_auroc']:.4f} AUPRC {figures['macro_auprc']:.4f}"
        print(f"{learner.__name__:12s} {macro} over {figures['macro_labels']} labels", flush=True)


if __name__ == "__main__":
    main()
