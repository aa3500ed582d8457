"""How well scores rank and how well probabilities are calibrated, against the over-read and against the machine."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ml.bundle import json_safe
from ml.corpus.store import Store
from ml.metrics import (
    bootstrap_weights,
    expected_calibration_error,
    mean_defined,
    ranking,
)

READINGS = ("overread", "machine")
DRAWS = 1000


def figures(
    store: Store,
    rows: NDArray[np.int64],
    logits: NDArray[np.float64],
    calibration: NDArray[np.float64],
    hedged: str,
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, Any]:
    """Give, per reading, macro and per-label AUROC and AUPRC with bootstrap 95 % intervals, Brier score and ECE.

    Parameters
    ----------
    logits
        (rows, labels)
    calibration
        (labels, 2): Platt's slope and bias.
    """
    weights = np.concatenate([np.ones((1, len(rows))), bootstrap_weights(store.column("patient")[rows], draws, seed)])
    return {reading: _against(store, rows, logits, calibration, hedged, weights, reading) for reading in READINGS}


def _against(
    store: Store,
    rows: NDArray[np.int64],
    logits: NDArray[np.float64],
    calibration: NDArray[np.float64],
    hedged: str,
    weights: NDArray[np.float64],
    reading: str,
) -> dict[str, Any]:
    targets, counts = (part[rows] for part in store.targets(reading, hedged))
    auroc = np.full((len(weights), len(store.labels)), np.nan)
    auprc = auroc.copy()
    labels: dict[str, Any] = {}
    for k, (key, _) in enumerate(store.labels):
        use = counts[:, k]
        positive = targets[use, k] > 0
        labels[key] = {"windows": int(use.sum()), "positives": int(positive.sum())}
        if not use.any():
            continue
        auroc[:, k], auprc[:, k] = ranking(logits[use, k], positive, weights[:, use])
        probability = expit(calibration[k, 0] * logits[use, k] + calibration[k, 1])
        labels[key] |= {
            "auroc": auroc[0, k],
            "auroc_ci": _interval(auroc[1:, k]),
            "auprc": auprc[0, k],
            "auprc_ci": _interval(auprc[1:, k]),
            "brier": float(np.mean((probability - positive) ** 2)),
            "ece": expected_calibration_error(probability, positive),
        }
    # macro: over the labels that have both classes in the whole split, so that every draw means the same labels
    defined = np.isfinite(auroc[0])
    macro = {
        name: mean_defined(values[:, defined], axis=1) if defined.any() else np.full(len(weights), np.nan)
        for name, values in (("auroc", auroc), ("auprc", auprc))
    }
    result: dict[str, Any] = {}
    for name, values in macro.items():
        result |= {f"macro_{name}": values[0], f"macro_{name}_ci": _interval(values[1:])}
    safe: dict[str, Any] = json_safe({**result, "macro_labels": int(defined.sum()), "labels": labels})
    return safe


def _interval(draws: NDArray[np.float64]) -> list[float] | None:
    """Percentile interval over the draws where the figure is defined; None with too few of them."""
    defined = draws[np.isfinite(draws)]
    if len(defined) < len(draws) / 2 or not len(defined):
        return None
    low, high = np.percentile(defined, [2.5, 97.5])
    return [float(low), float(high)]


def run(folder: Path) -> dict[str, Any]:
    """Evaluate the bundle a run folder's `config.json` names on a split of a dataset; writes `metrics.json`."""
    from ml.predict import Predictor

    config = json.loads((folder / "config.json").read_text())
    store = Store(Path(config["dataset"]))
    predictor = Predictor(Path(config["bundle"]))
    if [label.key for label in predictor.manifest.labels] != [key for key, _ in store.labels]:
        raise ValueError("the model and the dataset do not have the same labels")
    if predictor.manifest.preprocessing != store.preprocessing:
        raise ValueError("the model and the dataset were not preprocessed alike")
    rows = store.rows(config["split"])
    if not len(rows):
        raise ValueError(f"the dataset's {config['split']} split is empty")
    logits = predictor.window_logits(store.windows, rows)
    calibration = np.array([(label.slope, label.bias) for label in predictor.manifest.labels])
    hedged = predictor.manifest.training.get("hedged", "positive")
    result = {"split": config["split"], "windows": len(rows), **figures(store, rows, logits, calibration, hedged)}
    (folder / "metrics.json").write_text(json.dumps(result, indent=2, allow_nan=False))
    return result
