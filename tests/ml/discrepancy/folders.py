"""Discrepancy models as folders, made of given pairs: for tests of what reads them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ml.discrepancy import folder as folders

KNOWN = {"learnt": True, "changes": 60, "pairs": 600, "trees": 1.0, "of_model": 0.0, "without_model": 0.0, "bias": 0.0}


def rows(
    machine: np.ndarray, overread: np.ndarray, change: np.ndarray, labels: Sequence[str], **given: Any
) -> dict[str, Any]:
    """Columns of a table of pairs, of arrays (n, labels). Each pair is a patient of its own unless `patient` is given."""
    n = len(machine)
    columns: dict[str, Any] = {
        "ecg_id": [f"ecg{number}" for number in range(n)],
        "patient": [f"patient{number}" for number in range(n)],
        **dict.fromkeys(("recorded_at", "site", "device", "device_software"), [None] * n),
        "change_any": 1 - np.prod(1 - change, axis=1),
    }
    for k, label in enumerate(labels):
        columns |= {f"machine_{label}": machine[:, k], f"overread_{label}": overread[:, k]}
        columns[f"change_{label}"] = change[:, k]
    return {**columns, **given}


def make_folder(
    folder: Path, labels: Sequence[str], held_out: dict[str, Any], out_of_fold: dict[str, Any], **given: Any
) -> folders.Manifest:
    """Write a whole folder with these pairs, and trees that nobody has grown."""
    folder.mkdir(parents=True)
    for name, columns in ((folders.HELD_OUT, held_out), (folders.OUT_OF_FOLD, out_of_fold)):
        with folders.PairsWriter(folder / name, labels) as writer:
            writer.append(columns)
    (folder / folders.TREES).write_text("{}")
    fitted, kept = len(out_of_fold["ecg_id"]), len(held_out["ecg_id"])
    split = {"how": "patients", "held_out_from": None, "left_out": 0}
    split |= {"fitted": fitted, "fitted_patients": fitted, "held_out": kept, "held_out_patients": kept}
    manifest = {
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
        "vocabulary": "overread-2",
        "model": None,
        "weights_sha256": None,
        "features": [],
        "labels": [{"key": label, "added": KNOWN, "removed": KNOWN} for label in labels],
        "any_change": KNOWN,
        "split": split,
        "table": {},
        "versions": {},
    }
    return folders.finish(folder, {**manifest, **given})
