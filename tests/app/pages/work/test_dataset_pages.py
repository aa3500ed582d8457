"""The selection on screen is what is frozen: what the page counts, sends and shows."""

import html
import json
import re
import uuid
from collections.abc import Callable
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

BROWSER = {"Accept": "text/html"}
SITE = 'N"><script>x</script>'
ECGS: list[dict[str, Any]] = [
    {"metadata": {"site": SITE, "sex": "female"}, "machine_report": "AF", "overread_report": "Sinus rhythm"},
    {"metadata": {"site": SITE, "sex": "male"}, "machine_report": "AF", "overread_report": "AF"},
    {"metadata": {"site": "south", "sex": "female"}, "machine_report": "AF", "overread_report": "LVH"},
    {"metadata": {"site": SITE, "sex": "female"}, "overread_report": "LVH"},
    {"metadata": {"site": SITE, "sex": "female"}, "machine_report": "LVH"},
]


@pytest.fixture
def uploaded(client: httpx.Client) -> list[str]:
    ids = []
    for ecg, form in zip(simulate(len(ECGS), seed=4), ECGS, strict=True):
        files = [("file", item) for item in write_wfdb(ecg.recording, "r").items()]
        answer = client.post("/v1/ecgs", files=files, data={**form, "metadata": json.dumps(form["metadata"])})
        assert answer.status_code == 201, answer.text
        ids.append(answer.json()["id"])
    return ids


@pytest.fixture
def frozen(client: httpx.Client, settings: Settings, database: Database) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def freeze(body: dict[str, Any]) -> dict[str, Any]:
        answer = client.post("/v1/datasets", json=body)
        assert answer.status_code == 202, answer.text
        Runner(Workplace(settings, database, Archive.of(settings)), KINDS).run(uuid.UUID(answer.json()["id"]))
        job: dict[str, Any] = client.get(answer.headers["location"]).json()
        return job

    return freeze


def sent_by(page: str) -> dict[str, Any]:
    """Return what the form of a page sends, without the fields of numbers."""
    body: dict[str, Any] = {}
    page = re.sub(r"<fieldset data-when.*?</fieldset>", "", page, flags=re.DOTALL)  # it is there for other splits
    for tag in re.findall(r"<input[^>]*>", page):
        said = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if (name := said.get("name")) in (None, "csrf") or said.get("data-type") == "number":
            continue
        value = html.unescape(said["value"])
        body[str(name)] = json.loads(value) if said.get("data-type") in ("json", "boolean") else value
    return body


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"site": SITE, "sex": "female"}, [0]),
        ({"site": SITE}, [0, 1]),
        ({"sex": "female"}, [0, 2]),
        ({}, [0, 1, 2, 3]),  # without a filter: every over-read, also where the machine said nothing
        ({"overread": "absent"}, [4]),
        ({"overread": "absent", "site": SITE}, [4]),
    ],
)
def test_what_is_counted_is_what_is_sent_and_frozen(
    client: httpx.Client,
    database: Database,
    uploaded: list[str],
    frozen: Callable[[dict[str, Any]], dict[str, Any]],
    query: dict[str, Any],
    expected: list[int],
) -> None:
    page = client.get("/datasets/new", params=query, headers=BROWSER)
    assert page.status_code == 200 and "<script>x" not in page.text
    counted = client.get("/datasets/new/count", params=query, headers=BROWSER)
    assert f"<strong>{len(expected)}</strong>" in counted.text
    body = sent_by(page.text)
    job = frozen(body)
    assert job["state"] == "succeeded" and job["result"]["ecgs"] == len(expected)
    asked = {name: value for name, value in body.items() if name != "name"}
    assert client.post("/v1/datasets/count", json=asked).json()["ecgs"] == len(expected)
    shown = client.get(f"/datasets/{job['result']['dataset_id']}", headers=BROWSER)
    assert shown.status_code == 200 and job["result"]["content_sha256"] in shown.text and "<script>x" not in shown.text
    assert job["result"]["dataset_id"] in client.get("/datasets", headers=BROWSER).text


def test_a_selection_without_ecgs_says_so(client: httpx.Client, uploaded: list[str]) -> None:
    counted = client.get("/datasets/new/count", params={"age_min": 129}, headers=BROWSER)
    assert counted.status_code == 200 and "nothing to freeze" in counted.text


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"filters": {"sit": "north"}}, "filters.sit"),
        ({"filters": {"hour": 24}}, "filters.hour"),
        ({"filters": {"simulated": True}}, "beside"),
        ({"filters": {}, "overread": "absent"}, "over-read"),
        ({"filters": {"site": "nowhere"}}, "filters.site"),
        ({"filters": {"age_min": 9, "age_max": 8}}, "filters.age_min"),
    ],
)
def test_filters_that_are_none_or_match_nothing_are_refused(
    client: httpx.Client, uploaded: list[str], body: dict[str, Any], said: str
) -> None:
    for path in ("/v1/datasets", "/v1/datasets/count"):
        named = {**body, "name": "d"} if path.endswith("datasets") else body
        answer = client.post(path, json=named)
        assert answer.status_code == 422 and said in answer.text, answer.text


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("reader", 403), ("researcher", 200)])
def test_researchers_freeze(client: httpx.Client, keys: dict[str, str], role: str, status: int) -> None:
    headers = {**BROWSER, "Authorization": f"Bearer {keys[role]}"}
    answer = client.get("/datasets/new", headers=headers)
    assert answer.status_code == status and answer.headers["content-type"].startswith("text/html")
    assert ('href="/datasets/new"' in client.get("/datasets", headers=headers).text) == (status == 200)


def test_an_unknown_dataset_is_a_page(client: httpx.Client) -> None:
    answer = client.get(f"/datasets/{uuid.uuid4()}", headers=BROWSER)
    assert answer.status_code == 404 and "There is no such page" in answer.text
