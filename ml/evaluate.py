"""How well scores rank and how well probabilities are calibrated, against the over-read and against the machine."""

from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ml.corpus.store import Hedged, Reading, Store
from ml.events import Events
from ml.metrics import (
    auroc_auprc,
    bootstrap,
    brier_score,
    expected_calibration_error,
    mean_defined,
    percentile_interval,
)
from ml.run_folder import alone_in, json_safe, write_json

DRAWS = 1000


class Config(BaseModel):
    """An evaluation's `config.json`. Uncertain findings count as they did in training unless `hedged` is given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bundle: Path
    dataset: Path
    split: Literal["train", "validation", "test"] = "test"
    hedged: Hedged | None = None
    device: str | None = None


def figures(
    store: Store,
    rows: NDArray[np.int64],
    logits: NDArray[np.float64],
    probabilities: NDArray[np.float64],
    hedged: Hedged,
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, Any]:
    """Measure some rows of a store against either reading.

    Parameters
    ----------
    logits, probabilities
        (rows, labels); ranking is measured on the first, calibration on the second.

    Returns
    -------
    For "overread" and "machine": macro and per-label AUROC and AUPRC with bootstrap 95 % intervals over patients,
    Brier score and expected calibration error. None where a figure is undefined: a label without both classes.
    """
    return {
        reading: _against(reading, store, rows, logits, probabilities, hedged, draws, seed)
        for reading in get_args(Reading)
    }


def _against(
    reading: Reading,
    store: Store,
    rows: NDArray[np.int64],
    logits: NDArray[np.float64],
    probabilities: NDArray[np.float64],
    hedged: Hedged,
    draws: int,
    seed: int,
) -> Any:
    targets, counted = store.targets(reading, hedged)
    positive, counts = targets[rows] > 0, counted[rows]
    auroc, auprc = auroc_auprc(logits, positive, counts)
    drawn_auroc, drawn_auprc = bootstrap(logits, positive, counts, store.column("patient")[rows], draws, seed)
    labels: dict[str, Any] = {}
    for k, (key, _) in enumerate(store.labels):
        use = counts[:, k]
        labels[key] = {"windows": int(use.sum()), "positives": int(positive[use, k].sum())}
        if use.any():
            labels[key] |= {
                "auroc": float(auroc[k]),
                "auroc_ci": percentile_interval(drawn_auroc[:, k]),
                "auprc": float(auprc[k]),
                "auprc_ci": percentile_interval(drawn_auprc[:, k]),
                "brier": brier_score(probabilities[use, k], positive[use, k]),
                "ece": expected_calibration_error(probabilities[use, k], positive[use, k]),
            }
    macro: dict[str, Any] = {}
    defined = np.isfinite(auroc)
    for name, value, drawn in (("auroc", auroc, drawn_auroc), ("auprc", auprc, drawn_auprc)):
        macro[f"macro_{name}"] = float(mean_defined(value))
        # a label that is undefined in a draw is left out of that draw's mean, not the draw
        macro[f"macro_{name}_ci"] = percentile_interval(mean_defined(drawn[:, defined], axis=1))
    return json_safe({**macro, "macro_labels": int(defined.sum()), "labels": labels})


def run(folder: Path, events: Events) -> dict[str, Any]:
    """Evaluate the bundle that a run folder's `config.json` names on a split of a dataset; writes `metrics.json`."""
    from ml.predict import Predictor

    with alone_in(folder):
        config = Config.model_validate_json((folder / "config.json").read_bytes())
        store = Store(config.dataset)
        predictor = Predictor(config.bundle, config.device)
        manifest = predictor.manifest
        if [label.key for label in manifest.labels] != [key for key, _ in store.labels]:
            raise ValueError("the model and the dataset do not have the same labels")
        if manifest.preprocessing != store.preprocessing:
            raise ValueError("the model and the dataset were not preprocessed alike")
        rows = store.rows(config.split)
        if not len(rows):
            raise ValueError(f"the dataset's {config.split} split is empty")
        logits = predictor.window_logits(store.windows, rows)
        events.say("progress", fraction=0.5, message=f"{len(rows)} windows scored; measuring")
        hedged = config.hedged or manifest.training["hedged"]
        measured = figures(store, rows, logits, predictor.probabilities(logits), hedged)
        result = {"split": config.split, "windows": len(rows), "hedged": hedged, **measured}
        write_json(folder / "metrics.json", result)
        return result
