"""Many ECGs: the numbers of single predictions, whatever is missing named, and no part asked twice."""

import io
import threading
import uuid
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest

from app.bulk_predictions import tasks
from app.ecgs.service import Archive
from app.jobs.run import Workplace
from app.jobs.runner import Runner
from app.kit.database import Database
from app.kit.folders import Folders
from app.models.starter import ensure_starter
from app.settings import Settings
from app.steps import KINDS
from ml.corpus.simulator import simulate
from ml.formats.wfdb import write_wfdb
from tests.app.inferring import inferring

ECGS = 5


class OnceThereIsAPart(threading.Event):
    """A worker's sign to stop, given when a job has written its first part."""

    def __init__(self, exports: Path) -> None:
        super().__init__()
        self._exports = exports

    def is_set(self) -> bool:
        return any(self._exports.rglob("parts/*.parquet"))


@pytest.fixture
def ecg_ids(client: httpx.Client, database: Database, settings: Settings) -> list[str]:
    ensure_starter(database, Folders(settings.data_dir))
    ids = []
    for ecg in simulate(ECGS, seed=4):
        files = [("file", item) for item in write_wfdb(ecg.recording, "r").items()]
        metadata = f'{{"site": "{"north" if len(ids) < 4 else "south"}"}}'
        ids.append(client.post("/v1/ecgs", files=files, data={"metadata": metadata}).json()["id"])
    client.post("/v1/ecgs", data={"metadata": '{"record": "no-waveform"}', "overread_report": "Sinus rhythm"})
    return ids


def started(client: httpx.Client, **asked: Any) -> uuid.UUID:
    answer = client.post("/v1/bulk-predictions", json=asked)
    assert answer.status_code == 202, answer.text
    return uuid.UUID(answer.json()["id"])


def run(settings: Settings, database: Database, job: uuid.UUID, stopping: threading.Event | None = None) -> None:
    stopping = stopping or threading.Event()
    Runner(Workplace(settings, database, Archive.of(settings), stopping), KINDS).run(job)


def rows(client: httpx.Client, job: uuid.UUID) -> dict[str, dict[str, Any]]:
    answer = client.get(f"/v1/bulk-predictions/{job}/predictions.parquet")
    assert answer.status_code == 200, answer.text
    return {row["ecg_id"]: row for row in pq.read_table(io.BytesIO(answer.content)).to_pylist()}


def test_the_numbers_are_those_of_single_predictions_and_what_is_missing_has_its_reason(
    client: httpx.Client, settings: Settings, database: Database, ecg_ids: list[str]
) -> None:
    with inferring(settings):
        single = {each: client.post("/v1/predictions", json={"ecg_id": each}).json() for each in ecg_ids[:3]}
    digest = client.get(f"/v1/ecgs/{ecg_ids[3]}").json()["waveform_sha256"]
    (settings.data_dir / "objects" / "waveforms" / digest[:2] / digest).unlink()
    job = started(client, site="north")
    assert client.get(f"/v1/bulk-predictions/{job}/predictions.parquet").status_code == 409
    run(settings, database, job)
    result = client.get(f"/v1/jobs/{job}").json()["result"]
    assert (result["ecgs"], result["left_out"]) == (4, {"object_missing": 1})
    found = rows(client, job)
    assert found.keys() == set(ecg_ids[:4])
    assert (found[ecg_ids[3]]["error"], found[ecg_ids[3]]["probability_afib"]) == ("object_missing", None)
    for ecg_id, answer in single.items():
        for label in answer["labels"]:
            row = found[ecg_id]
            said = row[f"probability_{label['label']}"], row[f"positive_{label['label']}"]
            assert said == (label["probability"], label["positive"])


def test_an_interrupted_job_goes_on_where_it_was(
    client: httpx.Client, settings: Settings, database: Database, ecg_ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "PART", 2)
    job = started(client)
    run(settings, database, job, OnceThereIsAPart(settings.exports_dir))
    assert client.get(f"/v1/jobs/{job}").json()["state"] == "queued"
    [part] = settings.exports_dir.rglob("parts/*.parquet")
    first = {row["ecg_id"] for row in pq.read_table(part).to_pylist()}
    for ecg_id in first:  # were one of them asked about again, it would have no answer
        digest = client.get(f"/v1/ecgs/{ecg_id}").json()["waveform_sha256"]
        (settings.data_dir / "objects" / "waveforms" / digest[:2] / digest).unlink()
    run(settings, database, job)
    result = client.get(f"/v1/jobs/{job}").json()["result"]
    assert (result["ecgs"], result["left_out"]) == (ECGS, {})
    assert rows(client, job).keys() == set(ecg_ids)
    assert not any(settings.exports_dir.rglob("parts"))


def test_what_was_erased_is_in_no_file(
    client: httpx.Client, settings: Settings, database: Database, ecg_ids: list[str]
) -> None:
    job = started(client)
    run(settings, database, job)
    assert client.delete(f"/v1/ecgs/{ecg_ids[0]}").status_code == 200
    gone = client.get(f"/v1/bulk-predictions/{job}/predictions.parquet")
    assert (gone.status_code, gone.json()["type"]) == (410, "/problems/export_removed")


def test_a_model_that_does_not_exist_is_named(client: httpx.Client, ecg_ids: list[str]) -> None:
    answer = client.post("/v1/bulk-predictions", json={"model": str(uuid.uuid4())})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "model")
