"""A discrepancy model from the request to its words in predictions and review lists, and until it is deleted."""

import io
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.ecgs.service import Archive
from app.erasures.service import delete_objects
from app.imports.service import import_reports
from app.jobs.run import Workplace
from app.jobs.runner import Runner
from app.kit.database import Database
from app.kit.folders import Folders
from app.models.starter import ensure_starter
from app.predictions import worker
from app.predictions.child import WarmChild
from app.settings import Settings
from app.steps import KINDS
from ml.corpus.simulator import simulate
from ml.discrepancy import folder as folders
from ml.formats.wfdb import write_wfdb
from tests.app.reviews.people import make_list

PAIRS, UPLOADED = 330, 4
NOBODY = "5b2c1b0e-0000-4000-8000-000000000000"


def reading(number: int) -> tuple[str, str]:
    """What machine and over-read say: a hedged hypertrophy is mostly removed, a firm one seldom."""
    if number % 2:
        return "Sinus rhythm", "Sinus rhythm"
    hedged = number % 4 == 0
    stays = number % 10 == 0 if hedged else number % 22 != 0
    machine = "Sinus rhythm\nPossible left ventricular hypertrophy" if hedged else "Sinus rhythm\nLVH"
    return machine, "Sinus rhythm\nLVH" if stays else "Sinus rhythm"


def bring(database: Database, settings: Settings, pairs: int) -> None:
    """Readings of ECGs without waveforms, one a day."""
    lines: list[dict[str, Any]] = []
    for number in range(pairs):
        machine, overread = reading(number)
        known = {"record": f"r{number}", "patient_id": f"P{number}", "site": ("north", "south")[number % 3 == 0]}
        day = f"20{20 + number // 336}-{number // 28 % 12 + 1:02}-{number % 28 + 1:02}T10:00:00"
        lines.append({**known, "source": "machine", "text": machine, "recorded_at": day})
        lines.append({**known, "source": "overread", "text": overread, "reader": "a"})
    content = "".join(json.dumps(line) + "\n" for line in lines).encode()
    import_reports(database, settings, "test", io.BytesIO(content), progress=lambda _: None)


@pytest.fixture
def archive(settings: Settings) -> Archive:
    return Archive.of(settings)


@pytest.fixture
def runner(settings: Settings, database: Database, archive: Archive) -> Runner:
    return Runner(Workplace(settings, database, archive), KINDS)


@pytest.fixture
def ecg_ids(client: httpx.Client, database: Database, settings: Settings) -> list[str]:
    """The ECGs that have a waveform; each has a machine report and an over-read."""
    ensure_starter(database, Folders(settings.data_dir))
    bring(database, settings, PAIRS)
    found = []
    for number, ecg in enumerate(simulate(UPLOADED, seed=3)):
        files = [("file", item) for item in write_wfdb(ecg.recording, "r").items()]
        known = {"patient_id": f"W{number}", "recorded_at": "2019-01-01T00:00:00Z"}
        machine, overread = reading(4 if number else 1)
        said = {"machine_report": machine, "overread_report": overread}
        answer = client.post("/v1/ecgs", files=files, data={"metadata": json.dumps(known), **said})
        assert answer.status_code == 201, answer.text
        found.append(answer.json()["id"])
    return found


Make = Callable[..., dict[str, Any]]


@pytest.fixture
def make(client: httpx.Client, runner: Runner) -> Make:
    """Make a discrepancy model, and return it as the API shows it."""

    def make(**asked: Any) -> dict[str, Any]:
        answer = client.post("/v1/discrepancy-models", json=asked)
        assert answer.status_code == 202, answer.text
        runner.run(uuid.UUID(answer.json()["id"]))
        job = client.get(answer.headers["location"]).json()
        assert job["state"] == "succeeded", job
        made: dict[str, Any] = client.get(f"/v1/discrepancy-models/{job['result']['discrepancy_model_id']}").json()
        return made

    return make


Ask = Callable[[str], dict[str, Any]]


@pytest.fixture
def ask(client: httpx.Client, settings: Settings, database: Database, archive: Archive) -> Iterator[Ask]:
    """Ask about an ECG, and let an inference worker answer."""
    with WarmChild(settings.data_dir / "inference.txt") as child:

        def ask(ecg_id: str) -> dict[str, Any]:
            put = client.post("/v1/predictions", json={"ecg_id": ecg_id}, headers={"Prefer": "respond-async"})
            assert put.status_code == 202, put.text
            assert worker.answer_some(worker.Desk.of(settings, database, child))  # no discrepancy model in memory
            found: dict[str, Any] = client.get(put.headers["location"]).json()["answer"]
            return found

        yield ask


def test_from_pairs_to_words_in_predictions_and_lists(
    client: httpx.Client,
    settings: Settings,
    database: Database,
    archive: Archive,
    ecg_ids: list[str],
    make: Make,
    ask: Ask,
) -> None:
    assert ask(ecg_ids[1])["any_change"] is None  # nobody has learnt anything yet
    model = make(name="changes")
    assert (model["pairs"], model["with_logits"], model["simulated"]) == (PAIRS + UPLOADED, UPLOADED, False)
    assert (model["stale"], model["in_use"], model["split"]["how"]) == ([], True, "later")
    measured = model["table"]["out_of_fold"]["labels"]
    assert measured["lvh"]["removed"]["methods"]["model"]["auprc"] > 0.5
    assert measured["afib"]["added"]["reason"].startswith("not enough")
    [listed] = client.get("/v1/discrepancy-models").json()["items"]
    assert listed == {name: value for name, value in model.items() if name != "table"}

    answer = ask(ecg_ids[1])
    labels = {each["label"]: each["change"] for each in answer["labels"]}
    assert labels["lvh"]["added"] is None and labels["lvh"]["removed"] > 0.5 and labels["lvh"]["learnt"]
    assert labels["afib"]["removed"] is None and labels["afib"]["added"] < 0.05 and not labels["afib"]["learnt"]
    assert answer["any_change"]["discrepancy_model"] == model["id"]
    assert answer["any_change"]["probability"] > 0.5
    assert client.get(f"/v1/predictions/{answer['id']}").json()["answer"] == answer

    calm = ask(ecg_ids[0])
    assert calm["any_change"]["probability"] < answer["any_change"]["probability"]
    weighty = make_list(client, rule={"kind": "predicted_change"})
    with database.begin() as session:
        order = "SELECT ecg_id::text FROM review_items WHERE list_id = :list ORDER BY position"
        assert session.scalars(text(order), {"list": weighty}).all() == [ecg_ids[1], ecg_ids[0]]

    # of another report it has said nothing
    said = {"source": "machine", "text": "Sinus rhythm"}
    assert client.post(f"/v1/ecgs/{ecg_ids[1]}/reports", json=said).status_code == 201
    later = client.get(f"/v1/predictions/{answer['id']}").json()["answer"]
    assert later["any_change"] is None and all(each["change"] is None for each in later["labels"])

    # what is erased is named
    for gone, held in ((ecg_ids[1], 1), (client.get("/v1/ecgs?site=north").json()["items"][0]["id"], 2)):
        assert client.delete(f"/v1/ecgs/{gone}").json()["discrepancy_models"] == [model["id"]]
        assert client.get(f"/v1/discrepancy-models/{model['id']}").json()["holds_erased"] == held

    # damage costs its words, not the answer
    place = Folders(settings.data_dir).place("discrepancy", uuid.UUID(model["id"]))
    assert folders.read_manifest(place).model is not None
    assert not list(settings.data_dir.rglob("pairs.parquet"))
    trees = place / folders.TREES
    content = trees.read_bytes()
    trees.write_bytes(content[:-1])
    assert ask(ecg_ids[0])["any_change"] is None
    trees.write_bytes(content)
    assert ask(ecg_ids[0])["any_change"] == calm["any_change"]

    # another model answers now
    with database.begin() as session:
        session.execute(text("UPDATE discrepancy_models SET model_id = NULL"))
    changed = client.get(f"/v1/discrepancy-models/{model['id']}").json()
    assert (changed["stale"], changed["in_use"]) == (["model"], False)
    assert ask(ecg_ids[0])["any_change"] is None

    # its folder goes with it
    assert client.delete(f"/v1/discrepancy-models/{model['id']}").status_code == 204
    delete_objects(database, archive.store, Folders(settings.data_dir))
    assert not place.exists()
    assert client.get("/v1/discrepancy-models").json()["items"] == []
    assert client.delete(f"/v1/discrepancy-models/{model['id']}").status_code == 404


def test_what_cannot_be_is_refused(
    client: httpx.Client, settings: Settings, database: Database, keys: dict[str, str]
) -> None:
    bring(database, settings, 20)
    for asked, field in (
        ({}, "pairs"),
        ({"simulated": True}, "pairs"),
        ({"pairs": 10}, "pairs"),
        ({"model": NOBODY}, "model"),
        ({"name": ""}, "name"),
        ({"folder": "/etc"}, "folder"),
    ):
        answer = client.post("/v1/discrepancy-models", json=asked)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), answer.text
    assert "there are 20 real pairs; 200 are needed" in client.post("/v1/discrepancy-models", json={}).text
    assert client.get(f"/v1/discrepancy-models/{NOBODY}").status_code == 404
    viewer = {"Authorization": f"Bearer {keys['viewer']}"}
    for method, path in (("POST", ""), ("DELETE", f"/{NOBODY}")):
        given = {"json": {}} if method == "POST" else {}
        assert client.request(method, f"/v1/discrepancy-models{path}", headers=viewer, **given).status_code == 403
    assert client.get("/v1/discrepancy-models", headers=viewer).json() == {"items": [], "next_cursor": None}


def test_too_few_patients_fail_the_job_in_words(
    client: httpx.Client, settings: Settings, database: Database, runner: Runner
) -> None:
    bring(database, settings, 230)
    with database.begin() as session:
        session.execute(text("UPDATE ecgs SET patient_hash = (SELECT patient_hash FROM ecgs LIMIT 1)"))
    answer = client.post("/v1/discrepancy-models", json={})
    runner.run(uuid.UUID(answer.json()["id"]))
    job = client.get(answer.headers["location"]).json()
    assert (job["state"], "no pairs of other patients" in job["error"]) == ("failed", True), job
    assert not list(settings.data_dir.rglob("pairs.parquet"))
