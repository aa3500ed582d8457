"""Asking, waiting and being answered: by a real inference worker and its child, and where there is none."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.kit.database import Database
from app.kit.folders import Folders
from app.models.starter import ensure_starter
from app.predictions import queries
from app.predictions.tables import Prediction
from app.settings import Settings
from ml.corpus.simulator import simulate
from ml.formats.wfdb import write_wfdb
from tests.app.application import application
from tests.app.inferring import inferring


@pytest.fixture
def ecg_ids(client: httpx.Client, database: Database, settings: Settings) -> list[str]:
    ensure_starter(database, Folders(settings.data_dir))
    ids = []
    for ecg in simulate(2, seed=4):
        files = [("file", item) for item in write_wfdb(ecg.recording, "r").items()]
        answer = client.post("/v1/ecgs", files=files, data={"machine_report": "Sinus rhythm"})
        ids.append(answer.json()["id"])
    return ids


@pytest.fixture
def answering(settings: Settings, keys: dict[str, str]) -> Iterator[None]:
    with inferring(settings):
        yield


def claim_one(session: Session, lease_s: float) -> Prediction | None:
    return next(iter(queries.claim(session, Prediction, lease_s, most=1)), None)


def object_of(client: httpx.Client, settings: Settings, ecg_id: str) -> Path:
    digest = client.get(f"/v1/ecgs/{ecg_id}").json()["waveform_sha256"]
    return settings.data_dir / "objects" / "waveforms" / digest[:2] / digest


def faults(client: httpx.Client) -> list[tuple[str, str]]:
    entries = client.get("/v1/audit").json()["items"]
    return [(entry["action"], entry["resource_id"]) for entry in entries if entry["action"].startswith("object_")]


@pytest.mark.usefixtures("answering")
def test_an_answer_is_waited_for_and_shown_again_to_its_asker(
    client: httpx.Client, keys: dict[str, str], ecg_ids: list[str]
) -> None:
    reader = {"Authorization": f"Bearer {keys['reader']}"}
    answer = client.post("/v1/predictions", json={"ecg_id": ecg_ids[0]}, headers=reader)
    assert answer.status_code == 200, answer.text
    url = f"/v1/predictions/{answer.json()['id']}"
    for allowed in (reader, {}):  # the asker, an admin
        shown = client.get(url, headers=allowed).json()
        assert (shown["state"], shown["answer"], shown["problem"]) == ("answered", answer.json(), None)
    other = {"Authorization": f"Bearer {keys['researcher']}"}
    assert client.get(url, headers=other).status_code == 404
    assert client.get(f"/v1/predictions/{uuid.uuid4()}").status_code == 404


@pytest.mark.usefixtures("answering")
def test_a_missing_and_a_damaged_object_are_named_and_harm_no_other_question(
    client: httpx.Client, settings: Settings, ecg_ids: list[str]
) -> None:
    missing, other = ecg_ids
    path = object_of(client, settings, missing)
    content = path.read_bytes()
    for change, code in ((None, "object_missing"), (content[:-9] + b"\x00" + content[-8:], "object_damaged")):
        path.unlink() if change is None else path.write_bytes(change)
        for answer in (
            client.post("/v1/predictions", json={"ecg_id": missing}),
            client.get(f"/v1/ecgs/{missing}/waveform"),
            client.get(f"/v1/ecgs/{missing}/plot.svg"),
        ):
            assert (answer.status_code, answer.json()["type"]) == (410, f"/problems/{code}")
        assert faults(client)[:3] == [(code, missing)] * 3
        assert client.post("/v1/predictions", json={"ecg_id": other}).status_code == 200
    # another ECG's whole object in its place is no less damaged
    path.write_bytes(object_of(client, settings, other).read_bytes())
    assert client.get(f"/v1/ecgs/{missing}/waveform").json()["type"] == "/problems/object_damaged"
    ecg = next(iter(simulate(1, seed=4)))
    files = [("file", item) for item in write_wfdb(ecg.recording, "r").items()]
    assert client.post("/v1/ecgs", files=files).status_code == 200  # the same waveform again heals it
    assert client.post("/v1/predictions", json={"ecg_id": missing}).status_code == 200


@pytest.mark.usefixtures("answering")
def test_a_model_whose_files_have_changed_is_named(
    client: httpx.Client, settings: Settings, ecg_ids: list[str]
) -> None:
    (folder,) = settings.models_dir.iterdir()
    weights = folder / "weights.safetensors"
    weights.chmod(0o644)
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    for _ in range(2):
        answer = client.post("/v1/predictions", json={"ecg_id": ecg_ids[0]})
        assert (answer.status_code, answer.json()["type"]) == (410, "/problems/bundle_damaged")


@pytest.mark.usefixtures("answering")
def test_the_service_and_its_worker_outlive_their_connections(
    client: httpx.Client, database: Database, ecg_ids: list[str]
) -> None:
    asked = {"ecg_id": ecg_ids[0]}
    assert client.post("/v1/predictions", json=asked).status_code == 200
    with database.begin() as session:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        session.execute(text(f"{others} AND pid <> pg_backend_pid()"))
    assert client.get("/v1/me").status_code == 200
    assert client.post("/v1/predictions", json=asked).status_code == 200


def test_nobody_answers_in_time(settings: Settings, keys: dict[str, str], client: httpx.Client) -> None:
    from fastapi.testclient import TestClient

    database = Database(settings)
    ensure_starter(database, Folders(settings.data_dir))
    app = application(settings.model_copy(update={"prediction_timeout_s": 0.05}))
    with TestClient(app, raise_server_exceptions=False) as asking:
        asking.headers["Authorization"] = f"Bearer {keys['reader']}"
        ecg = next(iter(simulate(1, seed=4)))
        files = [("file", item) for item in write_wfdb(ecg.recording, "r").items()]
        answer = asking.post("/v1/predictions", files=files)
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/no_answer")
        assert int(answer.headers["retry-after"]) > 0
        assert asking.get("/v1/ecgs").json()["items"], "the upload is stored all the same"
    database.close()


@pytest.mark.parametrize(
    ("prefer", "applied"),
    [("respond-async", "respond-async"), ("wait=0", "wait=0"), ("Respond-Async, wait=0", "respond-async, wait=0")],
)
def test_a_client_that_would_rather_not_wait_gets_202_and_an_address(
    client: httpx.Client, ecg_ids: list[str], prefer: str, applied: str
) -> None:
    answer = client.post("/v1/predictions", json={"ecg_id": ecg_ids[0]}, headers={"Prefer": prefer})
    assert (answer.status_code, answer.headers["preference-applied"]) == (202, applied)
    assert answer.headers["location"] == f"/v1/predictions/{answer.json()['id']}"
    shown = client.get(answer.headers["location"]).json()
    assert shown == answer.json() and shown["state"] == "open"


def test_a_failed_question_says_why(client: httpx.Client, database: Database, ecg_ids: list[str]) -> None:
    url = client.post("/v1/predictions", json={"ecg_id": ecg_ids[0]}, headers={"Prefer": "respond-async"}).headers[
        "location"
    ]
    error: dict[str, Any] = {
        "code": "unusable",
        "detail": "lead V1 is constant",
        "reasons": [{"code": "constant_lead", "detail": "lead V1 is constant"}],
    }
    with database.begin() as session:
        row = queries.by_id(session, uuid.UUID(url.rsplit("/", 1)[1]))
        assert row is not None
        queries.fail(session, row, error)
    shown = client.get(url).json()
    assert (shown["state"], shown["answer"], shown["problem"]["type"]) == ("failed", None, "/problems/unusable_ecg")
    assert shown["problem"]["errors"][0]["code"] == "constant_lead"


def test_a_question_whose_worker_died_is_taken_up_again(
    client: httpx.Client, database: Database, ecg_ids: list[str]
) -> None:
    client.post("/v1/predictions", json={"ecg_id": ecg_ids[0]}, headers={"Prefer": "respond-async"})
    with database.begin() as session:
        first = claim_one(session, lease_s=-1)
    with database.begin() as session:
        again = claim_one(session, lease_s=60)
        assert first is not None and again is not None and again.id == first.id
        assert claim_one(session, lease_s=60) is None
    with database.begin() as session:
        queries.extend(session, [again], -1)
        assert claim_one(session, lease_s=60) is not None


def test_questions_are_claimed_together_and_one_that_was_claimed_before_alone(
    client: httpx.Client, database: Database, ecg_ids: list[str]
) -> None:
    prefer = {"Prefer": "respond-async"}
    asked = [
        client.post("/v1/predictions", json={"ecg_id": ecg_id}, headers=prefer).json()["id"]
        for ecg_id in (*ecg_ids, *ecg_ids)
    ]

    def claim(most: int, lease_s: float = -1, **given: Any) -> list[str]:
        with database.begin() as session:
            return [str(each.id) for each in queries.claim(session, Prediction, lease_s, most, **given)]

    assert claim(16, models=[uuid.uuid4()]) == []
    assert claim(2) == asked[:2]  # their lease is over at once
    assert claim(16) == asked[:1]
    assert claim(16, max_attempts=1) == asked[2:]
    assert claim(16, max_attempts=2) == asked[1:2]
    assert claim(16, max_attempts=3, lease_s=60) == asked[:1]


def test_an_answer_that_comes_after_the_end_changes_nothing(
    client: httpx.Client, database: Database, ecg_ids: list[str]
) -> None:
    prefer = {"Prefer": "respond-async"}
    put = [client.post("/v1/predictions", json={"ecg_id": each}, headers=prefer).json()["id"] for each in ecg_ids]
    with database.begin() as session:
        first, second = queries.claim(session, Prediction, 60, most=2)
        queries.fail(session, first, {"code": "timeout", "detail": "nobody waits"})
        answer = {"windows": 1, "labels": []}
        queries.end(session, [queries.Ended(each, answer=answer) for each in (first, second)])
    states = [client.get(f"/v1/predictions/{each}").json()["state"] for each in put]
    assert states == ["failed", "answered"]


def test_a_question_that_ends_its_workers_fails_in_the_end(
    client: httpx.Client, database: Database, settings: Settings, ecg_ids: list[str]
) -> None:
    prefer = {"Prefer": "respond-async"}
    urls = [
        client.post("/v1/predictions", json={"ecg_id": ecg_id}, headers=prefer).headers["location"]
        for ecg_id in ecg_ids
    ]
    for _ in range(settings.job_attempts):  # each claims the first question and dies
        with database.begin() as session:
            queries.bury(session, Prediction, settings.job_attempts)
            claimed = claim_one(session, lease_s=-1)
            assert claimed is not None and urls[0].endswith(str(claimed.id))
    with database.begin() as session:
        queries.bury(session, Prediction, settings.job_attempts)
        after = claim_one(session, lease_s=60)
        assert after is not None and urls[1].endswith(str(after.id))
        queries.bury(session, Prediction, max_attempts=1)  # a lease that is kept protects the question
    failed, other = (client.get(url).json() for url in urls)
    assert (failed["state"], failed["problem"]["type"]) == ("failed", "/problems/worker_died")
    assert f"{settings.job_attempts} inference workers ended" in failed["problem"]["detail"]
    assert other["state"] == "open"


def test_the_worker_fails_what_ended_the_workers_before_it(
    settings: Settings, client: httpx.Client, database: Database, ecg_ids: list[str]
) -> None:
    prefer = {"Prefer": "respond-async"}
    url = client.post("/v1/predictions", json={"ecg_id": ecg_ids[0]}, headers=prefer).headers["location"]
    for _ in range(settings.job_attempts):
        with database.begin() as session:
            assert claim_one(session, lease_s=-1) is not None
    with inferring(settings):
        other = client.post("/v1/predictions", json={"ecg_id": ecg_ids[1]})
    assert other.status_code == 200
    assert client.get(url).json()["problem"]["type"] == "/problems/worker_died"
