"""Two machines with a data folder each, one database and one bucket: what one makes the other uses."""

import io
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from app.ecgs.service import Archive
from app.jobs.run import Workplace
from app.jobs.runner import Runner
from app.kit import remote_store
from app.kit.database import Database
from app.kit.folders import open_folders
from app.kit.store import open_store
from app.models.starter import ensure_starter
from app.settings import Settings
from app.steps import KINDS
from ml.corpus.simulator import simulate
from ml.formats.wfdb import write_wfdb
from tests.app.application import application
from tests.app.inferring import inferring
from tests.app.s3_server import BUCKET, environment, s3_server


class Machine(NamedTuple):
    settings: Settings
    client: httpx.Client
    archive: Archive
    runner: Runner

    def run(self, answer: httpx.Response) -> dict[str, Any]:
        """Let this machine's worker do a job."""
        assert answer.status_code == 202, answer.text
        self.runner.run(uuid.UUID(answer.json()["id"]))
        job: dict[str, Any] = self.client.get(answer.headers["location"]).json()
        assert job["state"] == "succeeded", job
        return job

    def upload(self, seed: int) -> httpx.Response:
        ecg = next(iter(simulate(1, seed=seed)))
        files = [("file", item) for item in write_wfdb(ecg.recording, "r").items()]
        readings = {"machine_report": ecg.machine_report, "overread_report": ecg.overread_report}
        metadata = f'{{"patient_id": "p{seed}", "simulated": true}}'
        return self.client.post("/v1/ecgs", files=files, data={"metadata": metadata, **readings})


def machine(folder: Path, settings: Settings, database: Database, key: str, url: str) -> Iterator[Machine]:
    own = settings.model_copy(
        update={"data_dir": folder, "objects_url": url, "patient_key": SecretStr("k" * 40)},
    )
    archive = Archive.of(own)
    with TestClient(application(own), raise_server_exceptions=False) as client:
        client.headers["Authorization"] = f"Bearer {key}"
        yield Machine(own, client, archive, Runner(Workplace(own, database, archive), KINDS))


@pytest.fixture
def here(
    tmp_path: Path, settings: Settings, database: Database, keys: dict[str, str], bucket: str
) -> Iterator[Machine]:
    yield from machine(tmp_path / "here", settings, database, keys["admin"], bucket)


@pytest.fixture
def there(
    tmp_path: Path, settings: Settings, database: Database, keys: dict[str, str], bucket: str
) -> Iterator[Machine]:
    yield from machine(tmp_path / "there", settings, database, keys["admin"], bucket)


def ask(asked: Machine, answering: Machine, **question: Any) -> httpx.Response:
    """Ask one machine, while the inference worker of another answers."""
    with inferring(answering.settings):
        return asked.client.post("/v1/predictions", json=question)


def test_what_one_machine_makes_the_other_uses(here: Machine, there: Machine, database: Database) -> None:
    ids = []
    for seed in range(16):
        answer = here.upload(seed)
        assert answer.status_code == 201, answer.text
        ids.append(answer.json()["id"])
    ours, theirs = (
        each.client.get(f"/v1/ecgs/{ids[0]}/waveform", params={"format": "npy"}).content for each in (here, there)
    )
    assert ours == theirs and np.load(io.BytesIO(ours)).shape[0] == 12

    dataset = here.run(here.client.post("/v1/datasets", json={"name": "d"}))["result"]["dataset_id"]
    training = {"paradigm": "supervised", "preset": "test", "dataset": dataset, "overrides": {"epochs": 1}}
    model = there.run(there.client.post("/v1/training-jobs", json=training))["result"]["model_id"]
    measured = here.run(here.client.post("/v1/evaluations", json={"model": model, "dataset": dataset}))
    address = f"/v1/evaluations/{measured['id']}"
    assert there.client.get(address).json() == here.client.get(address).json()
    asked = {
        "preset": "test",
        "dataset": dataset,
        "paradigms": ["supervised"],
        "seeds": [0],
        "overrides": {"epochs": 1},
    }
    study = there.run(there.client.post("/v1/studies", json=asked))
    for name in ("", "/tables/table_1.csv"):
        answer = here.client.get(f"/v1/studies/{study['id']}{name}")
        assert answer.status_code == 200, answer.text
    bundles = [each.client.get(f"/v1/models/{model}/bundle") for each in (here, there)]
    assert bundles[0].status_code == 200 and bundles[0].content == bundles[1].content
    cards = [each.client.get(f"/v1/models/{model}/card", headers={"Accept": "text/markdown"}) for each in (here, there)]
    assert cards[0].status_code == 200 and cards[0].content == cards[1].content
    assert ask(there, here, ecg_id=ids[0], model=model).status_code == 200
    sent = there.client.post("/v1/models", files={"bundle": ("model.tar", bundles[0].content)})
    assert (sent.status_code, sent.json()["id"]) == (200, model)
    for each in (here, there):  # nothing lies where a shared folder would have it
        names = {path.name for path in each.settings.data_dir.iterdir()}
        assert "objects" not in names
        assert not any(
            (each.settings.data_dir / kind / made).exists() for kind, made in (("datasets", dataset), ("models", model))
        )


def test_the_shipped_model_answers_on_a_machine_that_did_not_register_it(
    here: Machine, there: Machine, database: Database
) -> None:
    for each in (here, there):
        ensure_starter(database, open_folders(each.settings, each.archive.store))
    ecg_id = here.upload(1).json()["id"]
    assert ask(here, there, ecg_id=ecg_id).status_code == 200


def test_a_store_that_goes_away_is_a_503_and_comes_back(
    tmp_path: Path, settings: Settings, database: Database, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("moto.server", reason="moto's server is not installed")
    monkeypatch.setattr(remote_store, "ANSWER_S", 3)
    with s3_server() as address:
        for name, value in environment(address).items():
            monkeypatch.setenv(name, value)
        machines = machine(tmp_path / "here", settings, database, keys["admin"], f"s3://{BUCKET}")
        here = next(machines)
        stored = here.upload(1).json()["id"]
        assert here.client.get(f"/v1/ecgs/{stored}/waveform").status_code == 200
    for answer in (here.upload(2), here.client.get(f"/v1/ecgs/{stored}/waveform")):
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/store_unavailable"), answer.text
        assert answer.headers["retry-after"] == "5"
        assert "planted-secret" not in answer.text and "127.0.0.1" not in answer.text
    assert [ecg["id"] for ecg in here.client.get("/v1/ecgs").json()["items"]] == [stored]
    assert here.client.get("/v1/disagreement", params={"simulated": True}).json()["pairs"] == 1
    failed = ask(here, here, ecg_id=stored, model=shipped(here, database))
    assert (failed.status_code, failed.json()["type"]) == (503, "/problems/store_unavailable")
    port = int(address.rpartition(":")[2])
    with s3_server(port=port):  # empty: what was stored is gone, and is healed by sending it again
        missing = here.client.get(f"/v1/ecgs/{stored}/waveform")
        assert (missing.status_code, missing.json()["type"]) == (410, "/problems/object_missing")
        assert (here.upload(1).status_code, here.upload(2).status_code) == (200, 201)
        assert here.client.get(f"/v1/ecgs/{stored}/waveform").status_code == 200
    machines.close()


def shipped(at: Machine, database: Database) -> str:
    """Register the shipped model as a service does that had it before its store went away."""
    from app.kit.folders import Folders

    ensure_starter(database, Folders(at.settings.data_dir))
    ensure_starter(database, open_folders(at.settings, open_store(at.settings)))  # needs no store
    [model] = at.client.get("/v1/models").json()["items"]
    return str(model["id"])
