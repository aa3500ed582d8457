"""Blind means blind: nothing that a blind reader's keys and session can get tells what anybody else reads."""

import json
import re
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from sqlalchemy import text

from app.access_log.service import OPEN_WHILE_BLIND, SHOWS_NO_PATIENT
from app.auth import service as auth
from app.auth.queries import user_named
from app.auth.sessions import service as sessions
from app.kit.database import Database
from app.main import ROUTERS
from app.models.tables import Model
from app.pages import PAGES
from app.predictions.tables import Prediction
from app.reviews.blindness.service import refuse_while_blind
from app.settings import Settings
from tests.app.reviews.people import People, Person, make_list, people, upload

MACHINE = "Sinus rhythm\nLeft bundle branch block\nQuixotic zigzag"
OTHER = "Rightward spindle"
PROBABILITY = 0.731257
SECRETS = ("left bundle", "quixotic", "zigzag", "spindle", "lbbb", "73125", "likely_removed")
LABEL_LISTS = {
    *("list_vocabularies", "get_vocabulary", "list_terms", "activate_vocabulary", "get_model"),
    *("show_vocabulary", "show_draft", "get_vocabulary_file", "compare_vocabularies", "show_model", "show_training"),
    *("show_new_review_list_page", "show_reading_page", "show_try_it"),
}
"""They name every label there is, of whatever ECG."""
LABEL_WORDS = {"left bundle", "lbbb"}
ENDS_IT = {
    *("stream_events", "release_review_item", "lock_review_item", "sign_review_item", "erase_ecg", "erase_patient"),
    *("end_sessions", "end_other_sessions", "end_persons_sessions", "sign_out"),
}
IDS_ALONE = {"list_audit", "list_access_log", "show_audit", "show_access_log"}
"""Of admins: they say which ECGs there are, not what anybody reads."""
ANY_ID = "5b2c1b0e-0000-4000-8000-000000000000"


@pytest.fixture
def make(database: Database, client: httpx.Client) -> People:
    return people(database, client)


@pytest.fixture
def secret(client: httpx.Client, database: Database) -> str:
    """An ECG of which the machine, a colleague and a model have said something."""
    [ecg_id] = upload(client, 1, machine_report=MACHINE)
    report = {"source": "overread", "reader": "colleague", "text": OTHER}
    assert client.post(f"/v1/ecgs/{ecg_id}/reports", json=report).status_code == 201
    label = {"label": "lbbb", "name": "LBBB", "score": 0.5, "threshold": 0.9, "positive": False}
    with database.begin() as session:
        model = Model(
            id=uuid.uuid4(), origin="shipped", name="starter", paradigm="supervised", preset="tiny", metrics={},
            label_source="overread", weights_sha256="0" * 64, manifest={},
        )  # fmt: skip
        admin = user_named(session, "admin")
        assert admin is not None
        session.add(model)
        session.flush()
        answer = {"windows": 1, "labels": [{**label, "probability": PROBABILITY}]}
        session.add(
            Prediction(ecg_id=uuid.UUID(ecg_id), model_id=model.id, user_id=admin.id, state="answered", answer=answer)
        )
    return ecg_id


class Keys:
    """Signs requests with a key, or with a session's cookie and its CSRF token."""

    def __init__(self, **headers: str) -> None:
        self.headers = headers

    def __call__(self, request: httpx.Request) -> httpx.Request:
        del request.headers["Authorization"]
        request.headers.update(self.headers)
        return request


def doors(client: httpx.Client, database: Database, settings: Settings, person: Person) -> list[Keys]:
    """A key, another key, and a session of one user."""
    cookies = client.app.state.cookies  # type: ignore[attr-defined]
    value, token = cookies.new()
    with database.begin() as session:
        user = user_named(session, person.name)
        assert user is not None
        browser = sessions.Browser("127.0.0.1", "a browser")
        sessions.open_session(session, user, token, opened_by="password", browser=browser, settings=settings)
        second = auth.issue_key(session, "test", person.name)
    cookie = {"Cookie": f"overread={value}", "X-CSRF-Token": token.csrf, "Origin": "http://testserver"}
    return [Keys(Authorization=f"Bearer {person.key}"), Keys(Authorization=f"Bearer {second}"), Keys(**cookie)]


def routes() -> list[APIRoute]:
    return [each for router in (*ROUTERS, *PAGES) for each in router.routes if isinstance(each, APIRoute)]


def asked(client: httpx.Client, by: Keys, named: dict[str, str]) -> Iterator[tuple[APIRoute, str, httpx.Response]]:
    """Ask every operation, with ids that lead to the ECG."""
    for route in routes():
        for method in sorted(route.methods):
            if route.name in ENDS_IT:
                continue
            path = re.sub(r"\{(\w+)(:\w+)?\}", lambda match: named.get(match[1], ANY_ID), route.path)
            options: dict[str, Any] = {"params": {"q": "le"}} if route.name == "list_terms" else {}
            if method in ("POST", "PUT") and route.body_field is not None:
                schema = client.app.openapi()["paths"].get(route.path_format, {}).get(method.lower(), {})  # type: ignore[attr-defined]
                if "application/json" in schema.get("requestBody", {}).get("content", {}):
                    options["json"] = {"ecg_id": named["ecg_id"]} if route.name == "predict" else {}
            yield route, method, client.request(method, path, auth=by, follow_redirects=False, **options)


def told(answer: httpx.Response) -> list[str]:
    said = (answer.text + json.dumps(dict(answer.headers))).lower()
    return [word for word in SECRETS if word in said]


def test_no_operation_tells_a_blind_reader_anything(
    client: httpx.Client, make: People, database: Database, settings: Settings, secret: str
) -> None:
    list_id = make_list(client, rule={"kind": "predicted_change"}, name="a neutral name")
    reader = make("reader-1", "admin")
    item = reader.claim(list_id)
    assert item is not None
    named = {
        **{"ecg_id": secret, "item_id": item["id"], "list_id": list_id, "label": "lbbb", "version": "overread-2"},
        **{"reader": "colleague", "job_id": ANY_ID},
    }
    for by in doors(client, database, settings, reader):
        refused, open_to = set(), set()
        for route, method, answer in asked(client, by, named):
            assert answer.status_code != 401, route.name
            known = LABEL_WORDS if route.name in LABEL_LISTS else set()
            assert set(told(answer)) <= known, f"{method} {route.path}"
            if route.name not in IDS_ALONE:
                assert secret not in answer.text.replace(answer.request.url.path, ""), f"{method} {route.path}"
            is_refused = answer.status_code == 409 and "blind_reading_open" in answer.text
            (refused if is_refused else open_to).add(route.name)
        assert {"get_ecg", "list_reports", "get_plot", "get_waveform", "predict", "get_disagreement"} <= refused
        assert {"search_ecgs", "list_unmapped", "get_review_digest", "upload_ecg", "put_gold", "try_out"} <= refused
        with_user = {route.name for route in routes() if "/v1/" in route.path}
        assert open_to & with_user <= SHOWS_NO_PATIENT | OPEN_WHILE_BLIND
        waveform = client.get(item["waveform"], auth=by, params={"format": "npy"})
        assert waveform.status_code == 200 and secret not in str(waveform.headers)
        again = client.get(item["waveform"], auth=by, headers={"If-None-Match": waveform.headers["ETag"]})
        assert again.status_code in (200, 304)
    assert client.get(f"/v1/reviews/items/{item['id']}", auth=by).headers["Cache-Control"] == "no-store"
    locked = reader.lock(item, "LVH")
    assert set(told(reader.get(f"/v1/reviews/items/{item['id']}"))) >= {"left bundle", "quixotic", "lbbb", "73125"}
    assert locked["first"]["blinded"] and locked["prediction"]["labels"][0]["probability"] == PROBABILITY
    assert reader.get(f"/v1/ecgs/{secret}").status_code == 200, "all is open again"


LOOKS = {
    "the ECG": lambda ecg_id: ("GET", f"/v1/ecgs/{ecg_id}"),
    "its reports": lambda ecg_id: ("GET", f"/v1/ecgs/{ecg_id}/reports"),
    "a list with it": lambda _: ("GET", "/v1/ecgs?label=lbbb&source=machine"),
    "unmapped statements": lambda _: ("GET", "/v1/vocabularies/overread-2/unmapped"),
    "measurements": lambda ecg_id: ("GET", f"/v1/ecgs/{ecg_id}/measurements"),
}


@pytest.mark.parametrize("look", LOOKS)
def test_who_was_shown_a_reading_is_not_given_the_ecg_blind(
    client: httpx.Client, make: People, secret: str, look: str
) -> None:
    list_id = make_list(client)
    reader = make("reader-1", "researcher")
    method, path = LOOKS[look](secret)
    assert reader.call(method, path).status_code == 200
    assert reader.claim(list_id) is None
    assert make("reader-2", "reader").claim(list_id) is not None


def test_a_waveform_or_plot_tells_of_no_reading(client: httpx.Client, make: People, secret: str) -> None:
    reader = make("reader-1", "reader")
    for path in ("waveform", "plot.svg"):
        assert reader.get(f"/v1/ecgs/{secret}/{path}").status_code == 200
    assert reader.claim(make_list(client)) is not None


def test_an_export_may_have_shown_any_ecg_that_was_there(
    client: httpx.Client, make: People, secret: str, database: Database
) -> None:
    reader = make("reader-1", "researcher")
    with database.begin() as session:
        session.execute(
            text(
                "INSERT INTO access_log (user_id, operation, status, ecg_ids, ecgs, address, request_id) "
                "SELECT id, 'get_export_file', 200, '{}', 9, '-', '-' FROM users WHERE name = 'reader-1'"
            )
        )
    assert reader.claim(make_list(client)) is None
    upload(client, 1, seed=4)
    assert reader.claim(make_list(client)) is not None, "one that came later"


def test_who_releases_and_looks_does_not_get_it_blind_again(client: httpx.Client, make: People, secret: str) -> None:
    list_id = make_list(client)
    reader = make("reader-1", "reader")
    item = reader.claim(list_id)
    assert item is not None
    reader.call("POST", f"/v1/reviews/items/{item['id']}/release")
    again = reader.claim(list_id)
    assert again is not None and again["id"] == item["id"], "who has not looked may"
    reader.call("POST", f"/v1/reviews/items/{item['id']}/release")
    assert reader.get(f"/v1/ecgs/{secret}").status_code == 200
    assert reader.claim(list_id) is None


def test_who_locked_and_released_may_finish_but_not_begin_again(
    client: httpx.Client, make: People, secret: str
) -> None:
    list_id = make_list(client)
    reader = make("reader-1", "reader")
    item = reader.claim(list_id)
    assert item is not None
    reader.lock(item, "LVH")
    reader.call("POST", f"/v1/reviews/items/{item['id']}/release")
    again = reader.claim(list_id)
    assert again is not None and again["state"] == "locked" and again["first"]["text"] == "LVH"
    other = make_list(client)
    reader.call("POST", f"/v1/reviews/items/{item['id']}/release")
    assert reader.claim(other) is None, "in another list it would be a second first reading"


def test_an_item_that_was_signed_is_not_shown_while_another_is_read_blind(
    client: httpx.Client, make: People, secret: str
) -> None:
    reader = make("reader-1", "admin")
    list_id = make_list(client)
    first = reader.claim(list_id)
    assert first is not None
    reader.lock(first, "LVH")
    reader.sign(first, "LVH")
    upload(client, 1, seed=4)
    second = reader.claim(make_list(client))
    assert second is not None
    path = f"/v1/reviews/items/{first['id']}"
    for answer in (reader.get(path), reader.call("POST", f"{path}/sign", json={"text": "RBBB", "reason": "x"})):
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/blind_reading_open")
        assert answer.headers["Location"] == f"/v1/reviews/items/{second['id']}" and told(answer) == []


def test_a_request_under_way_and_a_claim_wait_for_each_other(
    client: httpx.Client, make: People, secret: str, database: Database
) -> None:
    """A request that will show a reading is let in before a claim: the claim waits, and then knows of it."""
    list_id = make_list(client)
    reader = make("reader-1", "reader")
    with database.begin() as session:
        user = user_named(session, "reader-1")
        assert user is not None
        user_id = user.id
    got: list[Any] = []
    with database.begin() as session:
        refuse_while_blind(session, user_id)  # as `authenticate` does for GET /v1/ecgs/{id}
        claiming = threading.Thread(target=lambda: got.append(reader.claim(list_id)))
        claiming.start()
        time.sleep(0.5)
        assert got == [], "the claim waits"
        session.execute(
            text(
                "INSERT INTO access_log (user_id, operation, status, ecg_ids, ecgs, address, request_id) "
                "VALUES (:user, 'get_ecg', 200, ARRAY[CAST(:ecg AS uuid)], 1, '-', '-')"
            ),
            {"user": user_id, "ecg": secret},
        )
    claiming.join()
    assert got == [None], "what was under way has shown the ECG"


def test_a_reader_is_not_told_how_the_ecgs_of_a_blind_list_were_chosen(
    client: httpx.Client, make: People, secret: str
) -> None:
    list_id = make_list(client, rule={"kind": "rarity"})
    admin = make("admin-2", "admin")
    assert admin.get(f"/v1/reviews/lists/{list_id}").json()["rule"] == {"kind": "rarity"}
    assert admin.claim(list_id) is not None
    for path in (f"/v1/reviews/lists/{list_id}", "/v1/reviews/lists"):
        assert told(admin.get(path)) == []
