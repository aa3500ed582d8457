"""A paradigm is trained through the API, and its model asked: also for phrases nobody trained it to know."""

import uuid
from typing import Any

import httpx
import pytest

from app.ecgs.service import Archive
from app.jobs.run import Workplace
from app.jobs.runner import Runner
from app.kit.database import Database
from app.settings import Settings
from app.steps import KINDS
from ml.corpus.simulator import simulate
from ml.formats.wfdb import write_wfdb
from tests.app.inferring import inferring

ECGS = 16
UNKNOWN = "5b2c1b0e-0000-4000-8000-000000000000"


@pytest.fixture
def archive(settings: Settings) -> Archive:
    return Archive.of(settings)


@pytest.fixture
def runner(settings: Settings, database: Database, archive: Archive) -> Runner:
    return Runner(Workplace(settings, database, archive), KINDS)


def done(client: httpx.Client, runner: Runner, answer: httpx.Response) -> dict[str, Any]:
    """Let the worker do the job that was asked for."""
    assert answer.status_code == 202, answer.text
    runner.run(uuid.UUID(answer.json()["id"]))
    job: dict[str, Any] = client.get(answer.headers["location"]).json()
    assert job["state"] == "succeeded", job
    return job


@pytest.fixture
def ecg_ids(client: httpx.Client) -> list[str]:
    ids = []
    for ecg in simulate(ECGS, seed=6):
        readings = {"machine_report": ecg.machine_report, "overread_report": ecg.overread_report}
        files = [("file", item) for item in write_wfdb(ecg.recording, "r").items()]
        metadata = f'{{"patient_id": "{ecg.patient_id}", "simulated": true}}'
        ids.append(client.post("/v1/ecgs", files=files, data={"metadata": metadata, **readings}).json()["id"])
    return ids


def ask(client: httpx.Client, settings: Settings, **asked: Any) -> httpx.Response:
    with inferring(settings):
        return client.post("/v1/predictions", json=asked)


def test_negclip_is_trained_and_answers_phrases(
    client: httpx.Client, runner: Runner, settings: Settings, ecg_ids: list[str]
) -> None:
    dataset = done(client, runner, client.post("/v1/datasets", json={"name": "d"}))["result"]["dataset_id"]
    overrides = {"epochs": 1, "contrastive": {"targets": "masked", "prompts": {"lvh": ["big heart", "LVH"]}}}
    body = {"paradigm": "negclip", "preset": "test", "dataset": dataset, "overrides": overrides}
    job = done(client, runner, client.post("/v1/training-jobs", json=body))
    model = client.get(f"/v1/models/{job['result']['model_id']}/card").json()
    assert (model["paradigm"], model["preset"]) == ("negclip", "test")
    assert model["manifest"]["text"]["prompts"]["lvh"] == ["big heart", "lvh"]
    assert "tokenizer" not in model["manifest"]["text"]

    phrases = ["AF", "Vorhofflimmern", "early repolarisation"]
    given = ask(client, settings, ecg_id=ecg_ids[0], model=job["result"]["model_id"], statements=phrases)
    assert given.status_code == 200, given.text
    statements = given.json()["statements"]
    assert [statement["phrase"] for statement in statements] == phrases
    assert statements[0]["similarity"] == statements[1]["similarity"]  # one statement in two languages
    assert len(given.json()["labels"]) == 13


def test_phrases_are_refused_by_a_model_that_knows_its_labels_only(
    client: httpx.Client, runner: Runner, ecg_ids: list[str]
) -> None:
    dataset = done(client, runner, client.post("/v1/datasets", json={"name": "d"}))["result"]["dataset_id"]
    body = {
        "paradigm": "self_training",
        "preset": "test",
        "dataset": dataset,
        "unlabelled": dataset,
        "overrides": {"epochs": 1, "self_training": {"alpha": 0.6}},
    }
    model = done(client, runner, client.post("/v1/training-jobs", json=body))["result"]["model_id"]
    asked = {"ecg_id": ecg_ids[0], "model": model, "statements": ["AF"]}
    answer = client.post("/v1/predictions", json=asked)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "statements")


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"paradigm": "dreaming"}, "paradigm"),
        ({"preset": "huge"}, "preset"),
        ({"overrides": {"colour": "red"}}, "overrides.colour"),
        ({"overrides": {"dataset": "/etc"}}, "overrides.dataset"),
        ({"overrides": {"text_folder": "/etc"}}, "overrides.text_folder"),
        ({"overrides": {"epochs": 0}}, "overrides.epochs"),
        ({"paradigm": "self_training"}, "needs an unlabelled dataset"),
        ({"overrides": {"contrastive": {}}}, "contrastive has no meaning for supervised"),
        ({"paradigm": "negclip", "label_source": "machine"}, "learns from over-reads"),
        ({"dataset": UNKNOWN}, "there is no such dataset"),
    ],
)
def test_a_training_that_cannot_be_is_refused_and_says_why(
    client: httpx.Client, wrong: dict[str, Any], why: str
) -> None:
    answer = client.post("/v1/training-jobs", json={"dataset": UNKNOWN, **wrong})
    assert (answer.status_code, why in answer.text) == (422, True), answer.text


def test_phrases_are_bounded(client: httpx.Client) -> None:
    for statements in (["x"] * 33, ["x" * 201], ["\x00"], [""], "AF"):
        answer = client.post("/v1/predictions", json={"ecg_id": UNKNOWN, "statements": statements})
        assert (answer.status_code, "statements" in answer.json()["errors"][0]["field"]) == (422, True)
    for phrases in (["x"] * 33, ["x" * 201], [""]):
        file = ("file", ("r.hea", b"r 1 500 10"))
        answer = client.post("/v1/predictions", data={"statements": phrases}, files=[file])
        assert (answer.status_code, "statements" in answer.json()["errors"][0]["field"]) == (422, True)
