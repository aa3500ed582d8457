"""Jobs over HTTP."""

import uuid

import httpx

from app.jobs import queries
from app.kit.database import Database


def test_one_key_is_one_job(client: httpx.Client) -> None:
    headers = {"Idempotency-Key": "once"}
    first = client.post("/v1/datasets", json={"name": "a"}, headers=headers)
    again = client.post("/v1/datasets", json={"name": "a"}, headers=headers)
    other = client.post("/v1/datasets", json={"name": "b"}, headers=headers)
    assert first.status_code == again.status_code == 202
    assert first.headers["location"] == again.headers["location"] == f"/v1/jobs/{first.json()['id']}"
    assert (other.status_code, other.json()["type"]) == (409, "/problems/idempotency_key_reused")
    assert len(client.get("/v1/jobs").json()["items"]) == 1


def test_a_queued_job_is_cancelled_at_once(client: httpx.Client) -> None:
    url = client.post("/v1/datasets", json={"name": "a"}).headers["location"]
    assert client.post(f"{url}/cancel").json()["state"] == "cancelled"
    assert client.post(f"{url}/cancel").json()["state"] == "cancelled"


def test_events_stream_to_the_end_and_resume(client: httpx.Client, database: Database) -> None:
    url = client.post("/v1/datasets", json={"name": "a"}).headers["location"]
    job_id = uuid.UUID(url.rsplit("/", 1)[1])
    with database.begin() as session:
        job = queries.claim(session, job_id, 60)
        assert job is not None and job.lease_token is not None
        for i in range(3):
            queries.report(session, job_id, job.lease_token, "progress", payload={"fraction": i / 3})
        queries.fail(session, job_id, job.lease_token, "because")
    whole = client.get(f"{url}/events").text
    assert whole.count("event: progress") == 3 and '"state": "failed"' in whole
    ids = [line.removeprefix("id: ").strip() for line in whole.splitlines() if line.startswith("id: ")]
    rest = client.get(f"{url}/events", headers={"Last-Event-ID": ids[1]}).text
    assert rest.count("event: progress") == 1
    assert client.get(url).json()["error"] == "because"


def test_unknown_datasets_and_ecgs_are_named(client: httpx.Client) -> None:
    answer = client.post("/v1/training-jobs", json={"dataset": "5b2c1b0e-0000-4000-8000-000000000000"})
    assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == "dataset"
    assert client.post("/v1/predictions", json={"ecg_id": "5b2c1b0e-0000-4000-8000-000000000000"}).status_code == 404
