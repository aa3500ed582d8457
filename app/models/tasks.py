"""Training: a child trains in a run folder, and its bundle is registered as a model."""

import shutil
import uuid
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app.jobs.child import pass_on, run_child, write_config
from app.jobs.run import Finish, JobFailed, JobRun
from app.kit.database import Json
from app.models.schemas import TrainingIn
from app.models.tables import Model
from ml.bundles.bundle import InvalidBundle, Manifest, read_manifest


def train(run: JobRun) -> Finish:
    """Train a model. An attempt after a lost worker continues from the last checkpoint."""
    request = TrainingIn.model_validate(run.params)
    folder = run.settings.runs_dir / str(run.id)
    settings = run.settings
    config = request.config(
        dataset=settings.datasets_dir / str(request.dataset),
        unlabelled=settings.datasets_dir / str(request.unlabelled),
        start_from=settings.models_dir / str(request.start_from),
    )
    write_config(folder, config.model_dump(mode="json", exclude_none=True))
    run_child(run, ["train", str(folder)], folder / "log.txt", pass_on(run))
    try:
        manifest = read_manifest(folder / "bundle").to_card()
    except InvalidBundle as error:
        raise JobFailed(f"training left no usable bundle: {error}") from error
    bundle = settings.models_dir / str(run.id)
    shutil.rmtree(bundle, ignore_errors=True)  # an earlier attempt's, of which no row speaks
    bundle.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(folder / "bundle", bundle)

    def register(session: Session) -> Json:
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
        return {"model_id": str(row.id), "metrics": row.metrics}

    return register


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


def bundle_folder(models_dir: Path, model_id: uuid.UUID) -> Path:
    """Return the folder of a model's bundle."""
    return models_dir / str(model_id)
