"""Training: a child trains in a run folder, and its bundle is registered as a model."""

import shutil
import uuid
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from app.ecgs import queries as ecgs
from app.jobs.child import pass_on, run_child, write_config
from app.jobs.run import Finish, JobFailed, JobRun
from app.kit.database import Json
from app.kit.store import ObjectFault
from app.models.queries import mark_if_it_holds_erased
from app.models.schemas import TrainingIn
from app.models.tables import Model
from app.vocabularies.queries import hold
from ml.bundles.bundle import InvalidBundle, Manifest, read_manifest
from ml.corpus.store import Store
from ml.formats.waveform import encode
from ml.processes.durable import write_whole
from ml.processes.run_folder import MOST_RECORDINGS, RECORDINGS


def train(run: JobRun) -> Finish:
    """Train a model. An attempt after a lost worker continues from the last checkpoint."""
    request = TrainingIn.model_validate(run.params)
    folder = run.folders.place("runs", run.id)
    with ExitStack() as stack:
        inputs = {"dataset": stack.enter_context(run.opened("datasets", request.dataset))}
        if request.unlabelled is not None:
            inputs["unlabelled"] = stack.enter_context(run.opened("datasets", request.unlabelled))
        if request.start_from is not None:
            inputs["start_from"] = stack.enter_context(run.opened("models", request.start_from))
        write_config(folder, request.config(**inputs).model_dump(mode="json", exclude_none=True))
        try:
            _write_recordings(run, inputs["dataset"], folder / RECORDINGS)
            run_child(run, ["train", str(folder)], folder / "log.txt", pass_on(run))
        finally:
            shutil.rmtree(folder / RECORDINGS, ignore_errors=True)  # a run folder is kept, and an ECG may be erased
    try:
        manifest = read_manifest(folder / "bundle").to_card()
    except InvalidBundle as error:
        raise JobFailed(f"training left no usable bundle: {error}") from error
    bundle = run.folders.place("models", run.id)
    shutil.rmtree(bundle, ignore_errors=True)  # an earlier attempt's, of which no row speaks
    bundle.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(folder / "bundle", bundle)
    run.keep("models", run.id)

    def register(session: Session) -> Json:
        hold(session)
        row = Model(
            id=run.id,
            origin="trained",
            job_id=run.id,
            dataset_id=request.dataset,
            name=request.name or f"{request.paradigm}-{request.preset}-{str(run.id)[:8]}",
            paradigm=request.paradigm,
            preset=request.preset,
            label_source=request.label_source,
            weights_sha256=manifest["weights_sha256"],
            metrics=macro_metrics(manifest),
            manifest=manifest,
        )
        session.add(row)
        session.flush()
        mark_if_it_holds_erased(session, row.id)
        return {"model_id": str(row.id), "metrics": row.metrics}

    return register


def _write_recordings(run: JobRun, dataset: Path, folder: Path) -> None:
    """Write some ECGs of the validation split: the child measures on them how the model's decisions stand still."""
    store = Store(dataset)
    ecg_ids = np.unique(store.column("ecg_id")[store.rows("validation")].astype(str)).tolist()
    folder.mkdir(parents=True, exist_ok=True)
    for ecg_id in ecg_ids[:: max(1, len(ecg_ids) // MOST_RECORDINGS)][:MOST_RECORDINGS]:
        run.check()
        ecg = run.transaction(partial(ecgs.by_id, ecg_id=uuid.UUID(ecg_id)))
        if ecg is not None and ecg.waveform_sha256 is not None:
            with suppress(ObjectFault):  # a damaged one is found by who shows it
                write_whole(folder / ecg_id, encode(run.archive.waveform(ecg)))


def columns_of(manifest: Manifest) -> dict[str, Any]:
    """Return the columns of a model's row that its manifest gives."""
    return {
        "paradigm": manifest.paradigm,
        "preset": manifest.preset,
        "label_source": manifest.training["label_source"],
        "weights_sha256": manifest.weights_sha256,
        "metrics": macro_metrics(manifest.to_dict()),
    }


def macro_metrics(manifest: Json) -> Json:
    """Return a bundle's macro metrics without those by label."""
    metrics: dict[str, Any] = manifest.get("metrics", {})
    return {
        source: {name: value for name, value in measured.items() if name.startswith("macro_")}
        for source, measured in metrics.items()
        if isinstance(measured, dict)
    }
