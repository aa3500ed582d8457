"""What `python -m ml evaluate` does: evaluate a bundle on a dataset or a split of it, alone or beside a second one."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ml.bundles.bundle import read_manifest
from ml.bundles.patients import SeenPatients, read_seen, without_seen
from ml.corpus.sources import HEDGED, Hedged, MeasuredOn
from ml.corpus.store import Store
from ml.evaluation.report import Scored, metrics_of, scored_with, without_curves
from ml.processes.durable import write_json, write_whole
from ml.processes.events import Events
from ml.processes.run_folder import alone_in


class Config(BaseModel):
    """An evaluation's `config.json`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bundle: Path
    compare_with: Path | None = None
    dataset: Path
    split: MeasuredOn = "test"
    hedged: Hedged = HEDGED
    device: str | None = None


def run(folder: Path, events: Events, *, allow_own: bool = False) -> dict[str, Any]:
    """Evaluate the bundle that a run folder's `config.json` names, and compare it with a second one if it names one.

    Patients whom one of the models has seen in training are left out: see `ml.bundles.patients.without_seen`.
    Writes `metrics.json` (everything) and `metrics.csv` (a line for every number with its interval). Returns what is in
    the first, without the curves.
    """
    import torch

    from ml.evaluation.compare import comparison
    from ml.evaluation.csv_rows import as_csv, metric_rows

    with alone_in(folder):
        config = Config.model_validate_json((folder / "config.json").read_bytes())
        store = Store(config.dataset)
        rows = np.arange(len(store.table)) if config.split == "all" else store.rows(config.split)
        if not len(rows):
            raise ValueError(f"the dataset's {config.split} split is empty")
        rows, seen = without_seen(rows, store.column("patient")[rows], _seen(config))
        device = config.device or ("cuda" if torch.cuda.is_available() else "cpu")
        scored = _score(config.bundle, store, rows, device, allow_own=allow_own)
        hedged = config.hedged
        events.say("progress", fraction=0.4, message=f"{len(rows)} windows scored; {seen['note']}")
        measured = metrics_of(store, scored, hedged, device=device)
        result: dict[str, Any] = {"split": config.split, "dataset_sha256": store.content_sha256, "hedged": hedged}
        result["seen_patients"] = seen
        compared = {}
        if config.compare_with is not None:
            events.say("progress", fraction=0.7, message="comparing")
            other = _score(config.compare_with, store, rows, device, allow_own=allow_own)
            compared = {
                "comparison": comparison(store, rows, scored.logits, other.logits, hedged=hedged, device=device)
            }
        write_json(folder / "metrics.json", {**result, **measured, **compared})
        write_whole(folder / "metrics.csv", as_csv(metric_rows(measured)).encode())
        return {**result, "windows": len(rows), **without_curves(measured), **compared}


def _seen(config: Config) -> dict[str, SeenPatients | None]:
    """Return which patients each of the models has seen."""
    bundles = {"model": config.bundle, "compare_with": config.compare_with}
    return {name: read_seen(path, read_manifest(path)) for name, path in bundles.items() if path is not None}


def _score(bundle: Path, store: Store, rows: NDArray[np.int64], device: str, *, allow_own: bool) -> Scored:
    """Score rows with a bundle."""
    from ml.inference.predictor import Predictor

    predictor = Predictor(bundle, device, allow_own=allow_own)
    manifest = predictor.manifest
    if [label.key for label in manifest.labels] != [key for key, _ in store.labels]:
        raise ValueError("the model and the dataset do not have the same labels")
    if manifest.preprocessing != store.preprocessing:
        raise ValueError("the model and the dataset were not preprocessed alike")
    logits = predictor.window_logits(store.windows, rows)
    return scored_with(manifest.labels, rows, logits)
