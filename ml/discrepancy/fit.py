"""What `python -m ml discrepancy` does: learn from collected pairs which statements experts change, and measure it."""

import importlib.metadata
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ml.bundles.bundle import read_manifest
from ml.bundles.patients import read_seen
from ml.discrepancy import baselines, trees
from ml.discrepancy import folder as folders
from ml.discrepancy import pairs as collected
from ml.discrepancy.calibrate import change_logits
from ml.discrepancy.cross_fit import Grower, any_change, calibrated
from ml.discrepancy.features import Features
from ml.discrepancy.folder import DIRECTIONS, FEWEST_PAIRS, Calibration
from ml.discrepancy.pairs import NAMED, Pairs
from ml.discrepancy.split import Parts, split
from ml.discrepancy.table import MODEL, measure
from ml.discrepancy.trees import Floats, Trees
from ml.processes.events import Events
from ml.processes.run_folder import alone_in

Bools = NDArray[np.bool_]

OUT = "model"
ANY = "any"
_SUBSETS = {"machine_only": ("machine:",), "measurements_only": ("device:", "ours:")}

Say = Callable[[float, str], None]


class TooFewPairs(ValueError):
    """There is not enough to learn from; the message is for the user."""


class Config(BaseModel):
    """The `config.json` of a run folder, which also has the pairs.

    `bundle` is the folder of the model whose logits the pairs have.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    vocabulary: str
    labels: tuple[str, ...]
    model: str | None = None
    bundle: Path | None = None
    seed: int = 0


def run(folder: Path, events: Events, *, allow_own: bool = False) -> dict[str, Any]:
    """Learn from the pairs in a run folder, and write the folder `model` there. Returns its manifest."""
    with alone_in(folder):
        config = Config.model_validate_json((folder / "config.json").read_bytes())
        bundle = read_manifest(config.bundle) if config.bundle is not None else None
        model_labels = tuple(label.key for label in bundle.labels) if bundle is not None else ()
        pairs = collected.read(folder / collected.FILE, len(config.labels), len(model_labels))
        seen = np.zeros(len(pairs), np.bool_)
        if config.bundle is not None and bundle is not None and (known := read_seen(config.bundle, bundle)) is not None:
            seen = known.among(pairs.patient)
        out = folder / OUT
        shutil.rmtree(out, ignore_errors=True)  # an earlier attempt's
        out.mkdir()
        made = learn(
            pairs,
            config.labels,
            model_labels,
            seen=seen,
            seed=config.seed,
            say=lambda fraction, message: events.say("progress", fraction=fraction, message=message),
        )
        made.write(out)
        manifest = folders.finish(
            out,
            {
                **made.described(),
                "created_at": datetime.now(UTC),
                "vocabulary": config.vocabulary,
                "model": config.model,
                "weights_sha256": bundle.weights_sha256 if bundle is not None else None,
                "versions": {name: importlib.metadata.version(name) for name in ("overread", "numpy", "scikit-learn")},
            },
        )
        return manifest.model_dump(mode="json", exclude={"features", "files"})


@dataclass(frozen=True, eq=False)
class Learnt:
    """A discrepancy model with all that is kept of its making."""

    features: Features
    sums: Mapping[str, Trees]
    calibrations: Mapping[str, Calibration]
    pairs: Pairs
    parts: Parts
    change: Floats
    change_any: Floats
    table: dict[str, Any]

    def write(self, folder: Path) -> None:
        """Write the trees and the two tables of pairs."""
        (folder / folders.TREES).write_bytes(trees.to_bytes(self.sums))
        for name, rows in ((folders.HELD_OUT, self.parts.held_out), (folders.OUT_OF_FOLD, self.parts.fitted)):
            with folders.PairsWriter(folder / name, self.features.labels) as writer:
                for start in range(0, len(rows), folders.ROWS_A_GROUP):
                    writer.append(self._columns(rows[start : start + folders.ROWS_A_GROUP]))

    def _columns(self, rows: NDArray[np.int64]) -> dict[str, Any]:
        pairs = self.pairs.at(rows)
        columns: dict[str, Any] = {
            "ecg_id": pairs.ecg_id,
            "patient": pairs.patient,
            "recorded_at": pairs.recorded_at,
            **{name: [value or None for value in pairs.named[name].tolist()] for name in NAMED},
            "change_any": self.change_any[rows],
        }
        for k, label in enumerate(self.features.labels):
            columns |= {f"machine_{label}": pairs.machine[:, k], f"overread_{label}": pairs.overread[:, k]}
            columns[f"change_{label}"] = self.change[rows, k]
        return columns

    def described(self) -> dict[str, Any]:
        """Return the fields of a manifest that follow from what was learnt."""
        parts, patient = self.parts, self.pairs.patient
        since = parts.held_out_from
        return {
            "features": self.features.names,
            "labels": [
                {"key": key, **{each: self.calibrations[f"{key}/{each}"].model_dump() for each in DIRECTIONS}}
                for key in self.features.labels
            ],
            "any_change": self.calibrations[ANY].model_dump(),
            "split": {
                "how": "patients" if since is None else "later",
                "held_out_from": None if since is None else since.astype(datetime).replace(tzinfo=UTC),
                "fitted": len(parts.fitted),
                "fitted_patients": len(np.unique(patient[parts.fitted])),
                "held_out": len(parts.held_out),
                "held_out_patients": len(np.unique(patient[parts.held_out])),
                "left_out": parts.left_out,
            },
            "table": self.table,
        }


def learn(
    pairs: Pairs,
    labels: tuple[str, ...],
    model_labels: tuple[str, ...],
    *,
    seen: Bools,
    seed: int = 0,
    say: Say = lambda fraction, message: None,
) -> Learnt:
    """Learn from pairs.

    `seen`, (n,), are pairs whose patients were in the training of the model that gave the logits. Such logits are
    surer than those of a new patient: they are left out, and such pairs are not held out. Raises `TooFewPairs`.
    """
    if len(pairs) < FEWEST_PAIRS:
        raise TooFewPairs(f"{len(pairs)} pairs; {FEWEST_PAIRS} are needed to learn what experts change")
    from ml.discrepancy.grow import grow

    for each in (pairs.logits, pairs.probabilities):
        each[seen] = np.nan
    parts = split(pairs.patient, pairs.recorded_at, ~seen, seed)
    if not len(parts.held_out) or not len(parts.fitted):
        raise TooFewPairs("no pairs of other patients are left to measure on")
    fitted = pairs.at(parts.fitted)
    features = Features.of(fitted, labels, model_labels)
    rows = features.rows(pairs)
    grower = Grower(grow, fitted, parts, seed)
    subsets = {MODEL: np.arange(len(features.names))}
    subsets |= {name: features.columns(*beginnings) for name, beginnings in _SUBSETS.items()}
    scores: dict[str, Floats] = {"prior": baselines.prior(pairs, parts.fitted)}
    of_model = np.full(pairs.status.shape, np.nan)
    for k, label in enumerate(labels):
        if label in model_labels:
            of_model[:, k] = pairs.probabilities[:, model_labels.index(label)]
    if np.isfinite(of_model).any():
        scores["difference"] = baselines.difference(pairs, of_model, parts.fitted)
    logits: dict[str, Floats] = {}
    sums: dict[str, Trees] = {}
    for number, (name, columns) in enumerate(subsets.items()):
        logits[name], grown = grower.all(rows[:, columns], partial(_say_label, say, number / 3, labels))
        if name == MODEL:
            sums = dict(zip(labels, grown, strict=True))
    # what the trees say of the over-read, turned into what they say of a change
    toward = np.where(pairs.machine, -1.0, 1.0)
    by_model = change_logits(of_model, pairs.machine)
    change, calibrations = calibrated(toward * logits[MODEL], by_model, pairs, parts, labels=labels)
    scores = {MODEL: change, **scores, **{name: toward * logits[name] for name in _SUBSETS}}
    change_any, calibrations[ANY] = any_change(change, pairs, parts)
    say(0.9, "measuring")
    table = {}
    for name, chosen in (("held_out", parts.held_out), ("out_of_fold", parts.fitted)):
        some = pairs.at(chosen)
        of_some = {method: score[chosen] for method, score in scores.items()}
        table[name] = measure(labels, some.machine, some.overread, of_some, patients=some.patient, seed=seed)
    return Learnt(features, sums, calibrations, pairs, parts, change, change_any, table)


def _say_label(say: Say, begun: float, labels: tuple[str, ...], label: int) -> None:
    say(0.9 * (begun + label / len(labels) / 3), f"growing trees for {labels[label]}")
