"""Pages of jobs: what is shown of each state, to whom, and when the page stops asking."""

import uuid
from typing import Any

import httpx
import pytest

from app.jobs import queries
from app.kit.database import Database

BROWSER = {"Accept": "text/html"}
PART = {"HX-Request": "true"}
EVIL = "<script>alert(1)</script>"


@pytest.fixture
def job_id(client: httpx.Client) -> uuid.UUID:
    return uuid.UUID(client.post("/v1/datasets", json={"name": EVIL}).json()["id"])


def running(database: Database, job_id: uuid.UUID) -> uuid.UUID:
    with database.begin() as session:
        job = queries.claim(session, job_id, 60)
        assert job is not None and job.lease_token is not None
        return job.lease_token


def told(database: Database, job_id: uuid.UUID, token: uuid.UUID, *epochs: dict[str, Any]) -> None:
    with database.begin() as session:
        queries.report(session, job_id, token, "progress", payload={}, progress=0.5, message="half of it")
        for payload in epochs:
            queries.report(session, job_id, token, "metrics", payload=payload)


def trained(client: httpx.Client, database: Database) -> uuid.UUID:
    """A job of a training, which no worker has taken up."""
    job_id = uuid.uuid4()
    with database.begin() as session:
        user = queries.by_id(session, uuid.UUID(client.post("/v1/datasets", json={"name": "d"}).json()["id"]))
        assert user is not None
        params = {"dataset": str(uuid.uuid4())}
        queries.insert_once(
            session, {"id": job_id, "user_id": user.user_id, "kind": "train", "queue": "train", "params": params}
        )
    return job_id


def test_the_list_asks_again_until_every_job_has_ended(
    client: httpx.Client, database: Database, job_id: uuid.UUID
) -> None:
    page = client.get("/jobs", headers=BROWSER)
    assert page.status_code == 200 and 'hx-trigger="every' in page.text and EVIL not in page.text
    assert "&lt;script&gt;" in page.text
    token = running(database, job_id)
    told(database, job_id, token)
    part = client.get("/jobs", headers=PART).text
    assert part.lstrip().startswith("<div id=") and "half of it" in part and 'value="0.5"' in part
    with database.begin() as session:
        queries.fail(session, job_id, token, f"no ECG {EVIL}")
    ended = client.get("/jobs", headers=PART).text
    assert "hx-trigger" not in ended and EVIL not in ended and "no ECG &lt;script&gt;" in ended


def test_a_failed_job_says_why_and_asks_no_more(client: httpx.Client, database: Database, job_id: uuid.UUID) -> None:
    token = running(database, job_id)
    assert "hx-trigger" in client.get(f"/jobs/{job_id}", headers=BROWSER).text
    with database.begin() as session:
        queries.fail(session, job_id, token, "no real ECG of this choice")
    page = client.get(f"/jobs/{job_id}", headers=BROWSER).text
    assert "Why it failed" in page and "no real ECG of this choice" in page and "hx-trigger" not in page


def test_a_training_is_drawn_with_its_numbers_beside(client: httpx.Client, database: Database) -> None:
    job_id = trained(client, database)
    assert "after the first epoch" in client.get(f"/jobs/{job_id}", headers=BROWSER).text
    token = running(database, job_id)
    epochs = [
        {"epoch": 1, "train_loss": 0.9, "validation_macro_auprc": 0.25},
        {"epoch": 2, "train_loss": 0.4567, "validation_macro_auprc": None},  # no label has both classes
        {"epoch": 3, "train_loss": 0.3, "validation_macro_auprc": 0.5},
    ]
    told(database, job_id, token, *epochs)
    part = client.get(f"/jobs/{job_id}", headers=PART).text
    assert part.count("<svg") == 2 and "0.4567" in part and "0.250" in part
    # three losses and two AUPRCs, each line begins at the left edge and ends at the right one
    lines = [line for line in part.splitlines() if "chart-line" in line]
    assert [line.count("L") for line in lines] == [2, 1]
    assert all(line.split('d="')[1].startswith("M46 ") and "L350 " in line for line in lines)


@pytest.mark.parametrize(("role", "may"), [("admin", True), ("researcher", False), ("viewer", False)])
def test_only_who_may_cancel_is_offered_it(
    client: httpx.Client, keys: dict[str, str], job_id: uuid.UUID, role: str, may: bool
) -> None:
    headers = {**BROWSER, "Authorization": f"Bearer {keys[role]}"}
    for path in ("/jobs", f"/jobs/{job_id}"):
        assert (f"/v1/jobs/{job_id}/cancel" in client.get(path, headers=headers).text) == may


def test_filters_and_what_is_unknown(client: httpx.Client, job_id: uuid.UUID) -> None:
    assert str(job_id) in client.get("/jobs?kind=dataset&state=queued", headers=BROWSER).text
    none = client.get("/jobs?kind=train", headers=BROWSER)
    assert none.status_code == 200 and "No such job" in none.text
    for path, status in ((f"/jobs/{uuid.uuid4()}", 404), ("/jobs?kind=nothing", 422), ("/jobs?state=odd", 422)):
        answer = client.get(path, headers=BROWSER)
        assert answer.status_code == status and answer.headers["content-type"].startswith("text/html"), path


def test_an_archive_without_jobs_says_what_appears_here(client: httpx.Client) -> None:
    assert "Nothing has been asked for yet" in client.get("/jobs", headers=BROWSER).text
