"""The model that ships with the release: it is registered at the first start, and answers until one is promoted."""

import shutil
import tempfile
import uuid
from pathlib import Path

from app.kit.database import Database
from app.kit.folders import Folders
from app.models import queries
from app.models.tasks import columns_of
from ml.bundles.bundle import read_manifest
from ml.starter import BUNDLE

NAME = "starter"
_NAMESPACE = uuid.UUID("5d0c3b5e-8a51-4d0c-9a0e-6f0b7f6f2d11")


def ensure_starter(database: Database, folders: Folders) -> None:
    """Register the shipped model, if it is not registered. The model of the next release is added beside it.

    The id is computed from the weights, so two servers that start at once register one model.
    """
    manifest = read_manifest(BUNDLE)
    model_id = uuid.uuid5(_NAMESPACE, manifest.weights_sha256)
    with database.begin() as session:
        known = queries.by_id(session, model_id) is not None
    if not (known and _is_kept(folders, model_id)):
        _keep(folders, model_id)
    with database.begin() as session:
        queries.add_once(
            session,
            id=model_id,
            origin="shipped",
            name=NAME,
            **columns_of(manifest),
            manifest=manifest.to_dict(),
        )


def _is_kept(folders: Folders, model_id: uuid.UUID) -> bool:
    """Return whether the model's files are there; an object store is not asked, so that the service starts without."""
    return folders.elsewhere or folders.place("models", model_id).exists()


def _keep(folders: Folders, model_id: uuid.UUID) -> None:
    parent = folders.place("models", model_id).parent
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".starter-", dir=parent) as building:
        bundle = Path(building) / "bundle"
        shutil.copytree(BUNDLE, bundle)
        folders.keep("models", model_id, bundle)
