"""A fresh installation has a model: registered once, asked until another is promoted."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from app.kit.database import Database
from app.kit.folders import Folders
from app.kit.problems import Problem
from app.models import queries
from app.models.starter import NAME, ensure_starter
from app.predictions.service import chosen_model
from app.settings import Settings
from ml.bundles.bundle import read_manifest, read_weights

KEPT = ("paradigm", "preset", "label_source", "weights_sha256", "metrics")


def register(database: Database, settings: Settings) -> None:
    ensure_starter(database, Folders(settings.data_dir))


def test_two_servers_that_start_at_once_register_one_model(
    client: httpx.Client, database: Database, settings: Settings
) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: register(database, settings), range(4)))
    register(database, settings)
    (model,) = client.get("/v1/models").json()["items"]
    assert (model["name"], model["job_id"], model["dataset_id"], model["promoted"]) == (NAME, None, None, False)
    assert model["metrics"]["overread"]["macro_auroc"] > 0.9
    (folder,) = settings.models_dir.iterdir()  # nothing half copied is left beside it
    assert folder.name == model["id"]
    read_weights(folder, read_manifest(folder))
    card = client.get(f"/v1/models/{model['id']}/card").json()
    assert card["manifest"]["weights_sha256"] == model["weights_sha256"]


def test_it_is_asked_until_another_model_is_promoted(database: Database, settings: Settings) -> None:
    with database.begin() as session, pytest.raises(Problem, match="No model"):
        chosen_model(session, None)
    register(database, settings)
    with database.begin() as session:
        asked = chosen_model(session, None)
        assert asked.name == NAME
        starter, other = queries.by_id(session, asked.id), uuid.uuid4()
        assert starter is not None
        values = {name: getattr(starter, name) for name in KEPT}
        queries.add_once(session, id=other, origin="uploaded", name="other", manifest=starter.manifest, **values)
        promoted = queries.by_id(session, other)
        assert promoted is not None
        queries.promote(session, promoted)
    register(database, settings)
    with database.begin() as session:
        assert chosen_model(session, None).id == other
        assert chosen_model(session, asked.id).name == NAME
