"""An ECG is tried out: read, labelled, predicted; and afterwards nothing of it is there."""

import base64
from typing import Any

import httpx
import numpy as np
import pytest
from sqlalchemy import text

from app.kit.database import Database
from app.kit.folders import Folders
from app.models.starter import ensure_starter
from app.settings import Settings
from app.trials import queries, service
from app.trials.tables import Trial
from ml.corpus.simulator import SimulatedEcg, simulate
from ml.formats import Recording
from ml.formats.waveform import encode
from ml.formats.wfdb import write_wfdb
from tests.app.inferring import inferring

USED = ("api_keys", "user_sessions", "alembic_version")  # when a key was used last is no part of a trial


@pytest.fixture
def ecg() -> SimulatedEcg:
    [made] = simulate(1, seed=3)
    return made


def form(ecg: SimulatedEcg) -> list[tuple[str, tuple[str, bytes]]]:
    return [("file", item) for item in write_wfdb(ecg.recording, "r").items()]


def everything(database: Database, settings: Settings) -> tuple[dict[str, int], list[str]]:
    """How many rows each table has, and which files there are of ECGs."""
    with database.begin() as session:
        names = session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all()
        rows = {name: session.scalar(text(f"SELECT count(*) FROM {name}")) for name in names if name not in USED}
    files = [str(path) for path in (settings.data_dir / "objects").rglob("*") if path.is_file()]
    return {name: count or 0 for name, count in rows.items()}, files


def asked(client: httpx.Client, settings: Settings, database: Database, **sent: Any) -> httpx.Response:
    """Ask, while an inference worker in this process answers."""
    with inferring(settings):
        return client.post("/v1/try", **sent)


def test_it_is_drawn_labelled_and_predicted_and_nothing_is_kept(
    client: httpx.Client, settings: Settings, database: Database, ecg: SimulatedEcg
) -> None:
    ensure_starter(database, Folders(settings.data_dir))
    before = everything(database, settings)
    answer = asked(
        client, settings, database, files=form(ecg), data={"machine_report": "Sinus rhythm. Atrial fibrillation"}
    )
    assert answer.status_code == 200, answer.text
    tried = answer.json()
    signal = np.frombuffer(base64.b64decode(tried["waveform"]), "<f4").reshape(12, tried["samples"])
    assert np.array_equal(signal, ecg.recording.millivolts().astype("<f4"))
    assert tried["scale_known"] is True
    [reading] = tried["readings"]
    assert {each["label"] for each in reading["findings"]} == {"sinus_rhythm", "afib"}
    assert tried["problem"] is None and tried["model"]["name"] == "starter" and len(tried["labels"]) == 13
    found = {each["label"]: each for each in tried["labels"]}
    assert (found["afib"]["finding"], found["lvh"]["finding"]) == ("present", None)
    assert found["afib"]["discrepancy"] == ("agree" if found["afib"]["positive"] else "likely_removed")
    assert everything(database, settings) == before
    assert before[0]["trials"] == before[0]["access_log"] == before[0]["ecgs"] == 0


def test_without_a_model_or_a_worker_it_is_still_drawn_and_labelled(
    client: httpx.Client, settings: Settings, database: Database, ecg: SimulatedEcg, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = client.post("/v1/try", files=form(ecg), data={"machine_report": "LVH"}).json()
    assert (tried["model"], tried["labels"], tried["problem"]["status"]) == (None, [], 409)
    assert [each["label"] for each in tried["readings"][0]["findings"]] == ["lvh"]
    ensure_starter(database, Folders(settings.data_dir))
    before = everything(database, settings)
    monkeypatch.setattr(client.app.state.settings, "prediction_timeout_s", 0.3)  # type: ignore[attr-defined]
    tried = client.post("/v1/try", files=form(ecg)).json()
    assert (tried["problem"]["status"], tried["labels"], tried["samples"]) == (503, [], ecg.recording.samples.shape[1])
    assert everything(database, settings) == before


def test_a_file_without_a_scale_says_so(client: httpx.Client, ecg: SimulatedEcg) -> None:
    files = write_wfdb(Recording(ecg.recording.samples, np.full(12, 200.0), ecg.recording.sampling_rate_hz), "r")
    files["r.hea"] = files["r.hea"].replace(b" 200(0)/mV", b" 0")
    tried = client.post("/v1/try", files=[("file", item) for item in files.items()]).json()
    assert tried["scale_known"] is False


def test_what_nobody_waited_for_is_swept(
    client: httpx.Client, settings: Settings, database: Database, ecg: SimulatedEcg
) -> None:
    ensure_starter(database, Folders(settings.data_dir))
    with database.begin() as session:
        model_id = session.scalars(text("SELECT id FROM models")).one()
        old, new = (queries.ask(session, model_id, encode(ecg.recording)).id for _ in range(2))
        session.execute(
            text("UPDATE trials SET created_at = now() - make_interval(secs => :age) WHERE id = :id"),
            {"age": queries.KEPT_S + 1, "id": old},
        )
    with database.begin() as session:
        queries.sweep(session)
        assert (session.get(Trial, old), session.get(Trial, new) is not None) == (None, True)


def test_the_table_is_in_no_log_of_the_database(database: Database) -> None:
    with database.begin() as session:
        assert session.scalar(text("SELECT relpersistence FROM pg_class WHERE relname = 'trials'")) == "u"


def test_what_is_no_ecg_or_too_long_is_refused_by_its_field(
    client: httpx.Client, database: Database, settings: Settings, ecg: SimulatedEcg, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = everything(database, settings)
    wrong = client.post("/v1/try", files=[("file", ("a.txt", b"no ECG"))])
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "file")
    monkeypatch.setattr(service, "LONGEST_S", 9)
    long = client.post("/v1/try", files=form(ecg))
    assert (long.status_code, long.json()["errors"][0]["code"]) == (422, "too_long")
    assert client.post("/v1/try", files=form(ecg), data={"metadata": "{}"}).status_code == 422
    assert everything(database, settings) == before


def test_readers_try(client: httpx.Client, keys: dict[str, str], ecg: SimulatedEcg) -> None:
    for role, status in (("viewer", 403), ("reader", 200)):
        answer = client.post("/v1/try", files=form(ecg), headers={"Authorization": f"Bearer {keys[role]}"})
        assert answer.status_code == status, role
