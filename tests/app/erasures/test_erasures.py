"""Erasing: nothing is left of what was erased, it does not come back, and every count is right afterwards."""

import io
import json
import uuid
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.ecgs.service import Archive
from app.erasures import service
from app.imports.lines import read
from app.imports.loader import Loader
from app.jobs.run import Workplace
from app.jobs.runner import Runner
from app.kit.database import Database
from app.kit.folders import Folders
from app.kit.store import LocalStore, StoreUnavailable
from app.models.starter import ensure_starter
from app.settings import Settings
from app.steps import KINDS
from ml.corpus.simulator import simulate
from ml.formats.wfdb import write_wfdb
from tests.app.erasures.everything import check_counts, dump, places_of

NOBODY = "5b2c1b0e-0000-4000-8000-000000000000"
KEEP_IDS = {"access_log", "audit_log", "dataset_ecgs"}
"""Tables that keep the id of an erased ECG: who saw it, who erased it, which dataset holds it. An id says nothing."""


@pytest.fixture
def archive(settings: Settings) -> Archive:
    return Archive.of(settings)


@pytest.fixture
def runner(settings: Settings, database: Database, archive: Archive) -> Runner:
    return Runner(Workplace(settings, database, archive), KINDS)


def done(client: httpx.Client, runner: Runner, answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 202, answer.text
    runner.run(uuid.UUID(answer.json()["id"]))
    job: dict[str, Any] = client.get(answer.headers["location"]).json()
    assert job["state"] == "succeeded", job
    result: dict[str, Any] = job["result"]
    return result


def upload(client: httpx.Client, seed: int, patient: str, words: str = "", **metadata: Any) -> httpx.Response:
    ecg = next(iter(simulate(1, seed=seed)))
    files = [("file", item) for item in write_wfdb(ecg.recording, "r").items()]
    known = {"patient_id": patient, "simulated": True, **metadata}
    said = {"machine_report": "Sinus rhythm", "overread_report": f"Atrial fibrillation. {words}"}
    return client.post("/v1/ecgs", files=files, data={"metadata": json.dumps(known), **said})


def test_of_an_erased_ecg_nothing_is_left_and_the_others_stay(
    client: httpx.Client, database: Database, settings: Settings
) -> None:
    other = upload(client, 1, "P-1", "Planted zebra finding").json()
    own = {"record": "planted-record", "site": "north", "order_id": "planted-order"}
    ecg = upload(client, 2, "P-2", "Planted quagga finding", **own).json()
    corrected = {"source": "overread", "text": "Planted okapi finding"}
    assert client.post(f"/v1/ecgs/{ecg['id']}/reports", json=corrected).status_code == 201
    assert client.post("/v1/ecgs/search", json={"patient_id": "P-2"}).json()["items"][0]["id"] == ecg["id"]
    assert upload(client, 2, "P-3").json()["conflicts"] == ["patient_id"]  # a miss, which the audit log has
    planted = ("quagga", "okapi", "planted-record", ecg["waveform_sha256"], ecg["patient"])
    for each in planted:
        assert places_of(database, settings, each), each

    erased = client.delete(f"/v1/ecgs/{ecg['id']}")
    assert erased.status_code == 200, erased.text
    answer = erased.json()
    assert (answer["what"], answer["ecgs"]) == ("ecg", 1)
    assert (answer["datasets"], answer["models"], answer["lifted_at"]) == ([], [], None)
    assert places_of(database, settings, *planted) == []
    assert {place.partition(":")[0] for place in places_of(database, settings, ecg["id"])} <= KEEP_IDS
    assert [each["id"] for each in client.get("/v1/ecgs").json()["items"]] == [other["id"]]
    assert client.get(f"/v1/ecgs/{other['id']}/waveform").status_code == 200
    assert places_of(database, settings, "zebra")
    check_counts(database)
    for path in ("", "/waveform", "/reports"):
        assert client.get(f"/v1/ecgs/{ecg['id']}{path}").status_code == 404
    assert client.delete(f"/v1/ecgs/{ecg['id']}").status_code == 404
    [entry] = [each for each in client.get("/v1/audit").json()["items"] if each["action"] == "erase"]
    assert (entry["actor"], entry["resource_id"]) == ("admin", ecg["id"])
    assert entry["after"] == {"erasure": answer["id"], "ecgs": 1, "reports": answer["reports"]}


def test_a_patient_is_erased_with_all_ecgs_and_does_not_come_back(
    client: httpx.Client, database: Database, settings: Settings, archive: Archive
) -> None:
    ids = [upload(client, seed, "P-1", f"Planted finding {seed}", record=f"r{seed}").json()["id"] for seed in (1, 2)]
    patient = client.get(f"/v1/ecgs/{ids[0]}").json()["patient"]
    other = upload(client, 3, "P-2").json()["id"]
    answer = client.delete(f"/v1/patients/{patient}").json()
    assert (answer["what"], answer["ecgs"]) == ("patient", 2)
    assert places_of(database, settings, patient) == []
    assert client.delete(f"/v1/patients/{patient}").status_code == 404

    for seed, patient_id, record in ((1, "P-9", "x"), (9, "P-1", "y"), (8, "P-9", "r2")):  # waveform, patient, record
        refused = upload(client, seed, patient_id, record=record)
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/erased"), (seed, patient_id, record)
    service.delete_objects(database, archive.store, Folders(settings.data_dir))
    assert len(list(archive.store.keys("waveforms"))) == 1  # what was refused was not kept either
    assert [each["id"] for each in client.get("/v1/ecgs").json()["items"]] == [other]

    lines = [
        {"record": record, "patient_id": patient_id, "source": "machine", "text": f"Planted line {number}"}
        for number, (record, patient_id) in enumerate((("r1", "P-9"), ("new", "P-1"), ("other", "P-9")))
    ]
    file = io.BytesIO("".join(json.dumps(line) + "\n" for line in lines).encode())
    with Loader(database, settings) as loader:
        loaded = loader.load(read(file, archive.hash_patient))
    assert (loaded.ecgs, loaded.reports, loaded.erased) == (1, 1, 2)
    assert places_of(database, settings, "planted line 0", "planted line 1") == []
    check_counts(database)

    lifted = client.post(f"/v1/erasures/{answer['id']}/lift")
    assert lifted.status_code == 200 and lifted.json()["lifted_by"] == "admin"
    assert client.post(f"/v1/erasures/{answer['id']}/lift").json() == lifted.json()
    back = upload(client, 1, "P-1", record="r1")
    assert back.status_code == 201 and client.get(f"/v1/ecgs/{back.json()['id']}/waveform").status_code == 200
    [listed] = client.get("/v1/erasures").json()["items"]
    assert listed == lifted.json()


def test_a_question_about_an_erased_ecg_is_refused_and_its_waveform_not_kept(
    client: httpx.Client, database: Database, settings: Settings, archive: Archive
) -> None:
    ensure_starter(database, Folders(settings.data_dir))
    ecg = upload(client, 1, "P-1").json()
    asked = client.post("/v1/predictions", json={"ecg_id": ecg["id"]}, headers={"Prefer": "respond-async"})
    assert asked.status_code == 202
    assert client.delete(f"/v1/ecgs/{ecg['id']}").json()["predictions"] == 1
    assert client.get(asked.headers["location"]).status_code == 404
    files = [("file", item) for item in write_wfdb(next(iter(simulate(1, seed=1))).recording, "r").items()]
    assert client.post("/v1/predictions", files=files).status_code == 409
    service.delete_objects(database, archive.store, Folders(settings.data_dir))
    assert list(archive.store.keys("waveforms")) == []


def test_datasets_and_models_that_hold_it_are_named_and_marked(client: httpx.Client, runner: Runner) -> None:
    ids = [upload(client, seed, f"P-{seed}").json()["id"] for seed in range(16)]
    frozen = [done(client, runner, client.post("/v1/datasets", json={"name": "d", "seed": n})) for n in (3, 4)]
    first, second = (each["dataset_id"] for each in frozen)
    training = {"paradigm": "supervised", "preset": "test", "dataset": first, "overrides": {"epochs": 1}}
    model = done(client, runner, client.post("/v1/training-jobs", json=training))["model_id"]
    going_on = {**training, "dataset": second, "start_from": model}
    next_one = done(client, runner, client.post("/v1/training-jobs", json=going_on))["model_id"]
    assert client.get(f"/v1/datasets/{first}").json()["holds_erased"] == 0
    answer = client.delete(f"/v1/ecgs/{ids[0]}").json()
    assert sorted(answer["datasets"]) == sorted([first, second])
    assert sorted(answer["models"]) == sorted([model, next_one])
    client.delete(f"/v1/ecgs/{ids[1]}")
    assert client.get(f"/v1/datasets/{first}").json()["holds_erased"] == 2
    assert client.get(f"/v1/models/{next_one}").json()["holds_erased"] is True
    again = done(client, runner, client.post("/v1/training-jobs", json=training))["model_id"]
    assert client.get(f"/v1/models/{again}").json()["holds_erased"] is True
    rebuilt = done(client, runner, client.post(f"/v1/datasets/{first}/rebuild"))["dataset_id"]
    fresh = client.get(f"/v1/datasets/{rebuilt}").json()
    assert (fresh["holds_erased"], fresh["summary"]["ecgs"], fresh["request"]["seed"]) == (0, 14, 3)
    assert client.post(f"/v1/datasets/{NOBODY}/rebuild").status_code == 404


def test_an_ecg_erased_while_its_dataset_is_built_marks_it(
    client: httpx.Client, settings: Settings, database: Database, archive: Archive
) -> None:
    ids = [upload(client, seed, f"P-{seed}").json()["id"] for seed in range(8)]
    kind = KINDS["dataset"]

    def build(run: Any) -> Any:
        finish = kind.step(run)
        assert client.delete(f"/v1/ecgs/{ids[0]}").status_code == 200  # read already, not registered yet
        return finish

    runner = Runner(Workplace(settings, database, archive), {"dataset": kind._replace(step=build)})
    dataset = done(client, runner, client.post("/v1/datasets", json={"name": "d"}))["dataset_id"]
    assert client.get(f"/v1/datasets/{dataset}").json()["holds_erased"] == 1


def test_a_store_that_is_away_leaves_the_object_to_a_worker(
    client: httpx.Client,
    database: Database,
    settings: Settings,
    archive: Archive,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ecg = upload(client, 1, "P-1").json()

    def away(*_: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(LocalStore, "delete", away)
    answer = client.delete(f"/v1/ecgs/{ecg['id']}")
    assert answer.status_code == 200 and len(list(archive.store.keys("waveforms"))) == 1
    lift = client.post(f"/v1/erasures/{answer.json()['id']}/lift")
    assert (lift.status_code, lift.json()["type"]) == (409, "/problems/under_way")
    monkeypatch.undo()
    service.delete_objects(database, archive.store, Folders(settings.data_dir))  # as a worker does now and then
    assert list(archive.store.keys("waveforms")) == []
    assert client.post(f"/v1/erasures/{answer.json()['id']}/lift").status_code == 200


def test_only_admins_erase_and_what_is_not_there_is_a_404(client: httpx.Client, keys: dict[str, str]) -> None:
    ecg = upload(client, 1, "P-1").json()
    addresses = [("DELETE", f"/v1/ecgs/{ecg['id']}"), ("DELETE", f"/v1/patients/{ecg['patient']}")]
    addresses += [("GET", "/v1/erasures"), ("POST", f"/v1/erasures/{NOBODY}/lift")]
    for role in ("viewer", "reader", "researcher"):
        for method, address in addresses:
            answer = client.request(method, address, headers={"Authorization": f"Bearer {keys[role]}"})
            assert answer.status_code == 403, (role, address)
    assert client.delete(f"/v1/ecgs/{NOBODY}").status_code == 404
    assert client.delete(f"/v1/patients/{'0' * 64}").status_code == 404
    assert client.delete("/v1/patients/4711").status_code == 422
    assert client.post(f"/v1/erasures/{NOBODY}/lift").status_code == 404
    assert client.get(f"/v1/ecgs/{ecg['id']}").status_code == 200


def test_a_preview_that_showed_it_is_emptied(client: httpx.Client, database: Database) -> None:
    ecg = upload(client, 1, "P-1", "Planted quagga finding").json()
    with database.begin() as session:
        session.execute(
            text(
                "INSERT INTO jobs (id, user_id, kind, queue, state, params, result, finished_at) "
                "SELECT gen_random_uuid(), id, 'preview', 'cpu', 'succeeded', '{}', CAST(:result AS jsonb), now() "
                "FROM users LIMIT 1"
            ),
            {"result": json.dumps({"examples": [{"ecg_id": ecg["id"], "text": "quagga"}]})},
        )
    client.delete(f"/v1/ecgs/{ecg['id']}")
    assert "quagga" not in dump(database)["jobs"]


def test_exports_end_and_one_that_is_being_written_is_not_kept(
    client: httpx.Client, settings: Settings, database: Database, archive: Archive
) -> None:
    ids = [upload(client, seed, f"P-{seed}", "Planted quagga finding").json()["id"] for seed in range(3)]
    runner = Runner(Workplace(settings, database, archive), KINDS)
    asked = {"what": ["reports", "waveforms"], "text": True, "simulated": True}
    answer = client.get("/v1/export", params=asked)
    files = done(client, runner, answer)["files"]
    address = f"/v1/exports/{answer.json()['id']}/{files[0]['name']}"
    assert client.get(address).status_code == 200
    assert client.delete(f"/v1/ecgs/{ids[0]}").status_code == 200
    assert client.get(address).status_code == 404
    assert list(settings.exports_dir.iterdir()) == []

    def export(run: Any) -> Any:
        finish = KINDS["export"].step(run)
        assert client.delete(f"/v1/ecgs/{ids[1]}").status_code == 200
        return finish

    runner = Runner(Workplace(settings, database, archive), {"export": KINDS["export"]._replace(step=export)})
    answer = client.get("/v1/export", params=asked)
    runner.run(uuid.UUID(answer.json()["id"]))
    job = client.get(answer.headers["location"]).json()
    assert job["state"] == "failed" and "export again" in job["error"]
    assert list(settings.exports_dir.iterdir()) == []


def test_what_others_say_too_stays(client: httpx.Client, database: Database) -> None:
    first, second = (upload(client, seed, f"P-{seed}", "Planted finding").json() for seed in (1, 2))
    assert client.delete(f"/v1/ecgs/{first['id']}").json()["texts"] == 0
    shown = client.get(f"/v1/ecgs/{second['id']}").json()
    assert any("Planted finding" in (report["text"] or "") for report in shown["reports"])
    assert "planted finding" in dump(database)["statements"]
    assert client.delete(f"/v1/ecgs/{second['id']}").json()["texts"] == 2
    assert "planted finding" not in dump(database)["statements"]
