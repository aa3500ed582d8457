"""From ECGs to a model, its card, its evaluation and a study, by the API and the children that it starts."""

import csv
import io
import json
import re
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

NOBODY = "5b2c1b0e-0000-4000-8000-000000000000"
QUICK = {"epochs": 1, "batch_size": 8, "learning_rate": 0.003}


@pytest.fixture
def runner(settings: Settings, database: Database) -> Runner:
    archive = Archive.of(settings)
    return Runner(Workplace(settings, database, archive), KINDS)


def done(client: httpx.Client, runner: Runner, accepted: httpx.Response) -> dict[str, Any]:
    assert accepted.status_code == 202, accepted.text
    url = accepted.headers["location"]
    runner.run(uuid.UUID(url.rsplit("/", 1)[1]))
    job = client.get(url).json()
    assert job["state"] == "succeeded", job
    result: dict[str, Any] = job["result"]
    return result


@pytest.fixture
def dataset(client: httpx.Client, runner: Runner) -> str:
    for i, ecg in enumerate(simulate(30, seed=1)):
        files = [("file", item) for item in write_wfdb(ecg.recording, f"r{i}").items()]
        metadata = {"patient_id": ecg.patient_id, "sex": ecg.sex, "site": ecg.site, "simulated": True}
        form = {"machine_report": ecg.machine_report, "overread_report": ecg.overread_report}
        answer = client.post("/v1/ecgs", files=files, data={**form, "metadata": json.dumps(metadata)})
        assert answer.status_code == 201, answer.text
    frozen = done(client, runner, client.post("/v1/datasets", json={"name": "d", "seed": 1}))
    return str(frozen["dataset_id"])


def test_a_model_has_a_card_is_evaluated_and_studied(client: httpx.Client, runner: Runner, dataset: str) -> None:
    body = {"dataset": dataset, "preset": "tiny", "overrides": QUICK}
    model = done(client, runner, client.post("/v1/training-jobs", json=body))["model_id"]
    has_a_card(client, model)
    is_evaluated(client, runner, model, dataset)
    is_studied(client, runner, dataset)


def has_a_card(client: httpx.Client, model: str) -> None:
    url = f"/v1/models/{model}/card"
    manifest = client.get(url).json()["manifest"]
    answer = client.get(url, headers={"Accept": "text/markdown"})
    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    assert "Not for clinical use" in answer.text and "windows are simulated" in answer.text
    assert manifest["dataset_sha256"] in answer.text
    for name in re.findall(r"\]\((plots/.+?)\)", answer.text):
        plot = client.get(f"/v1/models/{model}/{name}")
        assert (plot.status_code, plot.headers["content-type"]) == (200, "image/svg+xml")
        assert "sandbox" in plot.headers["content-security-policy"]
    for name in ("nothing.svg", "..%2Fbundle.json", "%2Fetc%2Fpasswd"):
        assert client.get(f"/v1/models/{model}/plots/{name}").status_code == 404


def is_evaluated(client: httpx.Client, runner: Runner, model: str, dataset: str) -> None:
    body = {"model": model, "compare_with": model, "dataset": dataset, "split": "train"}
    accepted = client.post("/v1/evaluations", json=body)
    url = f"/v1/evaluations/{accepted.json()['id']}"
    early = client.get(url)
    assert (early.status_code, early.json()["type"]) == (409, "/problems/not_finished")
    result = done(client, runner, accepted)
    assert result["comparison"]["overread"]["macro"]["auroc"]["difference"] == 0
    assert result["overread"]["subgroups"]
    whole = client.get(url).json()
    assert whole["overread"]["macro_auroc"] == result["overread"]["macro_auroc"]
    assert len(whole["overread"]["macro_curves"]["roc"]["value"]) == 101
    table = client.get(url, headers={"Accept": "text/csv"})
    rows = list(csv.DictReader(io.StringIO(table.text)))
    macro = next(row for row in rows if (row["reading"], row["label"], row["metric"]) == ("overread", "macro", "auroc"))
    assert float(macro["value"]) == result["overread"]["macro_auroc"]
    assert client.get(f"/v1/studies/{accepted.json()['id']}").status_code == 404  # a job of another kind


def is_studied(client: httpx.Client, runner: Runner, dataset: str) -> None:
    body = {"title": "Small", "dataset": dataset, "preset": "tiny", "overrides": QUICK, "draws": 100}
    accepted = client.post("/v1/studies", json=body)
    url = f"/v1/studies/{accepted.json()['id']}"
    result = done(client, runner, accepted)
    assert result["arms"] == ["supervised", "supervised_machine", "random_encoder"]
    assert client.get(url).json()["title"] == "Small"
    page = client.get(url, headers={"Accept": "text/html"})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "sandbox" in page.headers["content-security-policy"]
    assert "Table 2" in page.text
    for name in result["files"]:
        if "/" in name:
            assert client.get(f"{url}/{name}").status_code == 200
    assert client.get(f"{url}/tables/table_2.csv").text.startswith("label,name,machine_on_machine_auroc,")
    for name in ("runs/config.json", "tables/..%2Fconfig.json", "..%2F..%2Fobjects/x"):
        assert client.get(f"{url}/{name}").status_code == 404
