"""Nobody reads a patient's data without an entry in the access log."""

import json
import re
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from sqlalchemy import text

from app.access_log.refusals import A_SECOND, AT_ONCE, Allowance
from app.access_log.service import MOST_IDS, SHOWS_NO_PATIENT
from app.access_log.shown import _shown
from app.auth.access import authenticate
from app.jobs import queries as jobs
from app.kit.database import Database
from app.main import ROUTERS
from app.pages import PAGES
from ml.corpus.simulator import simulate
from ml.formats.wfdb import write_wfdb

ANY_ID = "5b2c1b0e-0000-4000-8000-000000000000"
LOGS = {"list_audit", "list_access_log"}
"""They name ECGs, and hold nothing of a patient."""
SHOWS_AN_ECG = {"EcgSummary", "EcgOut", "DifferingEcg"}


def routes() -> list[APIRoute]:
    return [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]


def calls(dependant: Dependant) -> Iterator[Any]:
    yield dependant.call
    for part in dependant.dependencies:
        yield from calls(part)


def shows_ecgs(route: APIRoute) -> bool:
    """Whether an ECG, or the id of one, stands anywhere in the route's answer."""
    if route.response_model is None:
        return False
    schema = TypeAdapter(route.response_model).json_schema()
    return '"ecg_id"' in json.dumps(schema) or bool(SHOWS_AN_ECG & {schema.get("title"), *schema.get("$defs", {})})


def test_each_operation_with_a_key_is_recorded_or_named_as_one_without_patients() -> None:
    pages = [route for router in PAGES for route in router.routes if isinstance(route, APIRoute)]
    with_key = {route.name for route in [*routes(), *pages] if authenticate in calls(route.dependant)}
    assert len(with_key) > 30
    assert with_key >= SHOWS_NO_PATIENT, "an operation that there is no longer is named"


def test_each_operation_whose_answer_shows_ecgs_says_which() -> None:
    found = [route for route in routes() if shows_ecgs(route) and route.name not in LOGS]
    assert {"list_ecgs", "get_ecg", "upload_ecg", "list_differing_ecgs", "list_unmapped", "predict"} <= {
        route.name for route in found
    }
    silent = [
        route.name for route in found if "{ecg_id}" not in route.path and _shown not in set(calls(route.dependant))
    ]
    assert silent == []


@pytest.fixture
def archive(client: httpx.Client) -> list[str]:
    """The ids of ECGs whose readings differ."""
    ids = []
    for i, ecg in enumerate(simulate(4, seed=5)):
        files = [("file", item) for item in write_wfdb(ecg.recording, f"r{i}").items()]
        form = {"machine_report": "Sinus rhythm\nsomething unheard of", "overread_report": "Atrial fibrillation"}
        answer = client.post("/v1/ecgs", files=files, data=form)
        assert answer.status_code == 201, answer.text
        ids.append(answer.json()["id"])
    return ids


def entry_of(client: httpx.Client, answer: httpx.Response) -> dict[str, Any] | None:
    """The entry about an answer."""
    items = client.get("/v1/access-log", params={"limit": 500}).json()["items"]
    found = [item for item in items if item["request_id"] == answer.headers["x-request-id"]]
    assert len(found) <= 1
    return found[0] if found else None


def test_every_answer_that_names_an_ecg_is_in_the_log_with_it(
    client: httpx.Client, archive: list[str], database: Database
) -> None:
    job_id = uuid.UUID(client.post("/v1/datasets", json={"name": "d"}).json()["id"])
    with database.begin() as session:
        job = jobs.claim(session, job_id, 60)
        assert job is not None and job.lease_token is not None
        jobs.succeed(session, job_id, job.lease_token, {"examples": [{"ecg_id": archive[0]}]})
    version = client.get("/v1/vocabularies").json()["items"][0]["version"]
    named = {"ecg_id": archive[0], "label": "afib", "version": version, "job_id": str(job_id)}
    answered = set()
    for route in routes():
        if "GET" not in route.methods or route.name == "stream_events":
            continue
        path = re.sub(r"\{(\w+)(:\w+)?\}", lambda match: named.get(match[1], ANY_ID), route.path)
        answer = client.get(path)
        if answer.status_code != 200 or route.name in LOGS:
            continue
        answered.add(route.name)
        shown = {ecg_id for ecg_id in archive if ecg_id in answer.text or ecg_id == named["ecg_id"] in path}
        entry = entry_of(client, answer)
        if shown:
            assert entry is not None and shown <= set(entry["ecg_ids"]), route.name
            assert entry["ecgs"] == len(entry["ecg_ids"]) and entry["operation"] == route.name
            assert (entry["user"], entry["status"]) == ("admin", 200) and entry["address"]
        else:
            assert (entry is None) == (route.name in SHOWS_NO_PATIENT or "/v1/" not in path), route.name
    assert answered >= {
        *("list_ecgs", "get_ecg", "get_waveform", "get_plot", "list_reports", "get_job", "list_jobs"),
        *("list_most_changed_ecgs", "list_differing_ecgs", "list_changed_statements", "list_unmapped"),
    }


def test_writing_is_reading_too(client: httpx.Client, archive: list[str]) -> None:
    report = {"source": "overread", "text": "Atrial flutter"}
    answer = client.post(f"/v1/ecgs/{archive[1]}/reports", json=report)
    entry = entry_of(client, answer)
    assert answer.status_code == 201 and entry is not None
    assert (entry["operation"], entry["ecg_ids"], entry["status"]) == ("add_report", [archive[1]], 201)
    ecg = next(simulate(1, seed=5))
    files = [("file", item) for item in write_wfdb(ecg.recording, "r0").items()]
    again = client.post("/v1/ecgs", files=files)
    entry = entry_of(client, again)
    assert entry is not None and (entry["ecg_ids"], entry["status"]) == ([archive[0]], 200)


def test_what_is_not_answered_is_no_reading(client: httpx.Client, archive: list[str]) -> None:
    assert entry_of(client, client.get(f"/v1/ecgs/{ANY_ID}")) is None
    assert entry_of(client, client.get("/v1/ecgs", params={"limit": 0})) is None


def test_refused_requests_are_recorded_whoever_refused_them(client: httpx.Client, keys: dict[str, str]) -> None:
    viewer = {"Authorization": f"Bearer {keys['viewer']}"}
    for answer, user, status in (
        (client.get("/v1/ecgs", headers={"Authorization": "Bearer wrong"}), None, 401),
        (client.get("/v1/ecgs", headers={"Authorization": ""}), None, 401),
        (client.post("/v1/datasets", json={}, headers={"Authorization": ""}), None, 401),  # before its body is read
        (client.get("/v1/audit", headers=viewer), "viewer", 403),
    ):
        entry = entry_of(client, answer)
        assert entry is not None, answer.request.url
        assert (answer.status_code, entry["status"], entry["user"]) == (status, status, user)
    refused = client.get("/v1/access-log", params={"refused": True}).json()["items"]
    assert [entry["status"] for entry in refused] == [403, 401, 401, 401]


def test_the_log_is_for_admins_and_is_asked_by_user_ecg_and_time(
    client: httpx.Client, keys: dict[str, str], archive: list[str]
) -> None:
    viewer = {"Authorization": f"Bearer {keys['viewer']}"}
    assert client.get("/v1/access-log", headers=viewer).status_code == 403
    for ecg_id in archive:
        client.get(f"/v1/ecgs/{ecg_id}", headers=viewer)
    read = client.get("/v1/access-log", params={"user": "viewer", "refused": False}).json()["items"]
    assert [entry["ecg_ids"] for entry in read] == [[ecg_id] for ecg_id in reversed(archive)]
    about = client.get("/v1/access-log", params={"ecg_id": archive[2], "user": "viewer"}).json()["items"]
    assert [entry["id"] for entry in about] == [read[1]["id"]]
    since = {"user": "viewer", "from": read[2]["at"], "to": read[0]["at"]}
    assert [entry["id"] for entry in client.get("/v1/access-log", params=since).json()["items"]] == [
        read[1]["id"],
        read[2]["id"],
    ]
    paged = client.get("/v1/access-log", params={"user": "viewer", "refused": False, "limit": 3}).json()
    rest = {"user": "viewer", "refused": False, "cursor": paged["next_cursor"]}
    assert [*paged["items"], *client.get("/v1/access-log", params=rest).json()["items"]] == read
    for wrong in ({"user": "nobody"}, {"from": "2026-03-02", "to": "2026-03-01"}, {"ecg_id": "x"}):
        assert client.get("/v1/access-log", params=wrong).status_code == 422, wrong


def test_a_row_names_a_bounded_number_of_ecgs_and_counts_all(client: httpx.Client, database: Database) -> None:
    result = {"examples": [{"ecg_id": str(uuid.uuid4())} for _ in range(MOST_IDS + 100)]}
    job_id = uuid.UUID(client.post("/v1/datasets", json={"name": "d"}).json()["id"])
    with database.begin() as session:
        job = jobs.claim(session, job_id, 60)
        assert job is not None and job.lease_token is not None
        jobs.succeed(session, job_id, job.lease_token, result)
    entry = entry_of(client, client.get(f"/v1/jobs/{job_id}"))
    assert entry is not None and (len(entry["ecg_ids"]), entry["ecgs"]) == (MOST_IDS, MOST_IDS + 100)


def test_very_many_refusals_are_counted_and_not_all_stored() -> None:
    now = 0.0
    allowance = Allowance(lambda: now)
    taken = [allowance.take() for _ in range(int(AT_ONCE) + 5)]
    assert taken == [0] * int(AT_ONCE) + [None] * 5
    now = 1 / A_SECOND
    assert [allowance.take(), allowance.take()] == [5, None]


def test_the_log_is_only_added_to_by_the_requests_own_transaction(client: httpx.Client, database: Database) -> None:
    """The entry is there when the answer is: no later task writes it."""
    before = client.get("/v1/ecgs")
    with database.begin() as session:
        found = session.execute(text("SELECT request_id FROM access_log ORDER BY id DESC LIMIT 1")).scalar_one()
    assert found == before.headers["x-request-id"]
