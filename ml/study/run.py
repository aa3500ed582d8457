"""Runs a study: trains what is missing, then makes tables and figures."""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from ml.bundles.bundle import read_manifest
from ml.bundles.start import started_from
from ml.corpus.facts import facts
from ml.corpus.store import Source, Store
from ml.evaluation.report import macro_over, truths
from ml.paradigms.registry import PARADIGMS
from ml.processes.durable import write_json, write_whole
from ml.processes.events import Events
from ml.processes.run_folder import alone_in
from ml.study import page, tables
from ml.study.configuration import Config
from ml.study.figures import figures
from ml.study.measure import ArmMetrics, Truth, differences, measure
from ml.study.plan import Arm, arms

RUNS_SHARE = 0.95  # of the progress; the rest is measuring


def run(folder: Path, events: Events, *, allow_own: bool = False) -> dict[str, Any]:
    """Carry out the study of a folder's `config.json`. If it is killed, the next call continues.

    Writes `study.json`, `tables/*.csv`, `figures/*.svg` and `*.png`, `index.html` (which needs no other file) and
    `runs/`, a folder for each training run. Returns the names of arms and files.
    """
    import torch

    with alone_in(folder):
        study = Config.model_validate_json((folder / "config.json").read_bytes())
        listed = planned(study, allow_own)
        store = Store(study.dataset)
        rows = store.rows("test")
        if not len(rows):
            raise ValueError("the dataset's test split is empty: a study has nothing to measure on")
        scores = _carry_out(study, listed, store, rows, runs=folder / "runs", events=events, allow_own=allow_own)
        events.say("progress", fraction=RUNS_SHARE, message="measuring")
        device = study.device or ("cuda" if torch.cuda.is_available() else "cpu")
        result = _result(study, listed, store, rows, scores=scores, runs=folder / "runs", device=device)
        write_json(folder / "study.json", result)
        drawn = figures(result)
        made = {**tables.files(result), **drawn.files}
        made["index.html"] = page.html(result, made, drawn.missing).encode()
        for name, content in made.items():
            (folder / name).parent.mkdir(exist_ok=True)
            write_whole(folder / name, content)
        return {"arms": [arm.name for arm in listed], "runs": len(scores), "files": ["study.json", *made]}


def planned(study: Config, allow_own: bool = False) -> list[Arm]:
    """Return the arms of a study, after checking the configuration of every run."""
    from ml.training.configuration import ALLOW_OWN
    from ml.training.configuration import Config as TrainingConfig

    listed = arms(study, PARADIGMS)
    for arm in listed:
        try:
            TrainingConfig.model_validate(arm.config(study, study.seeds[0]), context={ALLOW_OWN: allow_own})
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ValueError(f"{arm.name} cannot be trained: {where}: {first['msg']}") from error
    return listed


def _carry_out(
    study: Config,
    listed: Sequence[Arm],
    store: Store,
    rows: NDArray[np.int64],
    *,
    runs: Path,
    events: Events,
    allow_own: bool,
) -> dict[str, NDArray[np.float64]]:
    """Train the missing runs, and return the scores of the test split, (rows, labels), by run folder."""
    from ml.training.loop import run as train

    wanted = {arm.folder(study, seed): (arm, seed) for arm in listed for seed in study.seeds}
    unlabelled = Store(study.unlabelled).content_sha256 if study.unlabelled is not None else None
    scores = {}
    for number, (name, (arm, seed)) in enumerate(wanted.items()):
        place, config = runs / name, arm.config(study, seed)
        if (place / "scores.npy").exists():
            _check_sources(place, config, store, unlabelled)
        else:
            place.mkdir(parents=True, exist_ok=True)
            write_json(place / "config.json", config)
            train(place, _RunEvents(events, f"{arm.title}, seed {seed}", number, len(wanted)), allow_own=allow_own)
            _score(study, store, rows, place, allow_own=allow_own)
        scores[name] = np.load(place / "scores.npy", allow_pickle=False)
    return scores


def _check_sources(place: Path, config: Mapping[str, Any], store: Store, unlabelled: str | None) -> None:
    """Raise `ValueError` if a finished run used other data than is there now. `unlabelled`: that dataset's hash."""
    sources = {"dataset_sha256": store.content_sha256}
    if unlabelled is not None and "unlabelled" in config:
        sources["unlabelled_sha256"] = unlabelled
    if "start_from" in config:
        sources["started_from"] = started_from(Path(config["start_from"]))
    trained = read_manifest(place / "bundle").training
    if any(trained.get(name) != sha256 for name, sha256 in sources.items()):
        raise ValueError(f"runs/{place.name} was trained on other data than is there now; remove that folder")


def _score(study: Config, store: Store, rows: NDArray[np.int64], place: Path, *, allow_own: bool) -> None:
    """Save the scores of the test split. They are written last: a run with scores is finished."""
    from ml.inference.predictor import Predictor

    content = io.BytesIO()
    np.save(
        content,
        Predictor(place / "bundle", study.device, allow_own=allow_own).window_logits(store.windows, rows),
        allow_pickle=False,
    )
    write_whole(place / "scores.npy", content.getvalue())


class _RunEvents(Events):
    """Forwards the events of a training run as events of the study, with its share of the progress."""

    def __init__(self, events: Events, title: str, number: int, of: int) -> None:
        self._events, self._title, self._number, self._of = events, title, number, of

    def say(self, event: str, **payload: Any) -> None:
        """Forward one event."""
        if event == "progress":
            payload["fraction"] = RUNS_SHARE * (self._number + payload.get("fraction", 0)) / self._of
            payload["message"] = f"run {self._number + 1}/{self._of}, {self._title}: {payload.get('message', '')}"
            self._events.say("progress", **payload)
        else:
            self._events.say(event, run=self._title, **payload)


def _result(
    study: Config,
    listed: Sequence[Arm],
    store: Store,
    rows: NDArray[np.int64],
    *,
    scores: dict[str, NDArray[np.float64]],
    runs: Path,
    device: str,
) -> dict[str, Any]:
    """Return all results as JSON values."""
    labels = [key for key, _ in store.labels]
    patients = store.column("patient")[rows]
    measured: dict[str, dict[str, ArmMetrics]] = {arm.name: {} for arm in listed}
    read = truths(store, rows, study.hedged)
    over = macro_over(read)
    for source, (positive, counts) in read.items():
        truth = Truth(positive, counts, patients)
        for arm in listed:
            by_seed = [scores[arm.folder(study, seed)] for seed in study.seeds]
            measured[arm.name][source] = measure(by_seed, truth, study.draws, device, over=over)
    first = listed[0]
    return {
        "title": study.title,
        "plan": json.loads(study.model_dump_json(exclude={"dataset", "unlabelled", "device", "threads"})),
        "dataset": {"sha256": store.content_sha256, **facts(store, study.hedged)},
        "labels": [{"key": key, "name": name} for key, name in store.labels],
        "macro_over": [key for key, use in zip(labels, over, strict=True) if use],
        "table_a1": tables.disagreement(store, study.hedged),
        "arms": [
            {
                "name": arm.name,
                "title": arm.title,
                "options": dict(arm.options),
                "grid": dict(arm.grid),
                "runs": [_trained(runs / arm.folder(study, seed), seed) for seed in study.seeds],
                **{source: measured[arm.name][source].summary(labels) for source in get_args(Source)},
            }
            for arm in listed
        ],
        "comparisons": [
            {"arm": arm.name, "than": first.name, **row}
            for arm in listed[1:]
            for row in differences(measured[arm.name]["overread"], measured[first.name]["overread"], labels)
        ],
    }


def _trained(place: Path, seed: int) -> dict[str, Any]:
    manifest = read_manifest(place / "bundle")
    told = {name: manifest.training.get(name) for name in ("best_epoch", "best_validation_macro_auprc", "ended_after")}
    return {"seed": seed, "folder": place.name, "weights_sha256": manifest.weights_sha256, **told}
