"""A session opens what a key opens, ends when it should, and another site cannot make use of it."""

import base64
import re
from datetime import timedelta

import pytest
from fastapi.routing import APIRoute
from sqlalchemy import event, text

from app.auth import queries, service
from app.auth.access import Require
from app.auth.service import ROLES
from app.auth.sessions import queries as sessions
from app.auth.sessions.service import MOST_SESSIONS, end_sessions
from app.kit.database import Database
from app.kit.declared import dependencies_of
from app.main import ROUTERS
from app.pages import PAGES
from app.settings import Settings
from tests.app.application import application
from tests.app.auth.sessions.browser import COOKIE, browser, sign_in
from tests.app.auth.test_access import ANY_ID

pytestmark = pytest.mark.usefixtures("keys")
DATASET = {"name": "a"}


def test_a_session_opens_what_its_users_role_allows(settings: Settings, database: Database) -> None:
    for role in ROLES:
        with browser(settings, database, role) as (client, csrf):
            assert client.get("/v1/me").json() == {"name": role, "role": role}
            assert (client.get("/v1/audit").status_code == 200) is (role == "admin")
            made = client.post("/v1/datasets", json=DATASET, headers=csrf)
            assert (made.status_code == 202) is (role in {"researcher", "admin"}), made.text


def test_a_role_that_changes_counts_at_once(settings: Settings, database: Database) -> None:
    with browser(settings, database, "viewer") as (client, _):
        with database.begin() as session:
            service.set_role(session, "test", "viewer", "admin")
        assert client.get("/v1/audit").status_code == 200


@pytest.mark.parametrize(
    "end",
    [
        "UPDATE user_sessions SET expires_at = now()",
        "UPDATE user_sessions SET last_seen_at = now() - interval '12 hours'",
        "UPDATE users SET disabled_at = now() WHERE name = 'viewer'",
        "DELETE FROM user_sessions",
    ],
)
def test_a_session_that_is_over_opens_nothing(settings: Settings, database: Database, end: str) -> None:
    with browser(settings, database, "viewer") as (client, _):
        assert client.get("/v1/me").status_code == 200
        with database.begin() as session:
            session.execute(text(end))
        assert client.get("/v1/me").status_code == 401


def test_a_session_lasts_while_it_is_used(settings: Settings, database: Database) -> None:
    seen = text("SELECT last_seen_at, xmin::text FROM user_sessions")
    with browser(settings, database, "viewer") as (client, _), database.engine.connect() as connection:
        first = connection.execute(seen).all()
        for _ in range(3):
            client.get("/v1/me")
        connection.rollback()
        assert connection.execute(seen).all() == first, "at most one write a minute"
        connection.execute(text("UPDATE user_sessions SET last_seen_at = now() - interval '11 hours'"))
        connection.commit()
        assert client.get("/v1/me").status_code == 200
        assert (connection.execute(text("SELECT now() - last_seen_at FROM user_sessions")).scalar_one()) < timedelta(
            minutes=1
        )


def test_a_cookie_that_is_not_ours_costs_no_query(settings: Settings, database: Database) -> None:
    app = application(settings)
    ours, _ = app.state.cookies.new()
    raw = base64.urlsafe_b64decode(ours + "==")
    flipped = base64.urlsafe_b64encode(bytes([raw[0] ^ 1]) + raw[1:]).decode()
    asked: list[str] = []
    with browser(settings, database, "viewer") as (client, _):
        engine = client.app.state.database.engine  # type: ignore[attr-defined]
        event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
        for forged in ("x", "é", "a" * 5_000, flipped, ours[:-1], "=" * 20, raw[:32].hex(), ""):
            client.cookies.clear()
            answer = client.get("/v1/me", headers={"Cookie": f"{COOKIE}={forged}".encode()})
            assert answer.status_code == 401, forged
    assert [each for each in asked if "user_sessions" in each] == []


def test_another_key_signs_other_cookies(settings: Settings, make_settings: object) -> None:
    one = application(settings).state.cookies
    other = application(make_settings("other")).state.cookies  # type: ignore[operator]
    value, token = one.new()
    known = [each._known(value) for each in (one, other)]
    assert known == [token, None]


def test_a_key_needs_no_csrf_token_and_goes_before_the_cookie(
    settings: Settings, database: Database, keys: dict[str, str]
) -> None:
    with browser(settings, database, "viewer") as (client, _):
        key = {"Authorization": f"Bearer {keys['admin']}", "Sec-Fetch-Site": "cross-site"}
        assert client.post("/v1/datasets", json=DATASET, headers=key).status_code == 202
        assert client.get("/v1/me", headers={"Authorization": "Bearer wrong"}).status_code == 401
        # a proxy's own sign-in
        assert client.get("/v1/me", headers={"Authorization": "Basic eDp5"}).json()["name"] == "viewer"


def test_no_operation_changes_anything_by_a_cookie_alone(settings: Settings, database: Database) -> None:
    """Over all routes: a session's cookie without its CSRF token, with a wrong one, with another session's."""
    asked = 0
    with browser(settings, database, "admin") as (client, _):
        _, of_another = sign_in(client.app, database, "admin")  # type: ignore[arg-type]
        for route in (route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)):
            url = re.sub(r"\{[a-z_]+\}", ANY_ID, route.path)
            methods = route.methods & {"POST", "PUT", "PATCH", "DELETE"}
            for method in methods or ({"GET", "HEAD"} if route.name == "start_export" else ()):
                for token in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": "é".encode()}, {"X-CSRF-Token": of_another}):
                    asked += 1
                    answer = client.request(method, url, headers=token)
                    assert answer.status_code in (403, 422), (method, url, answer.text)
                    if answer.status_code == 403 and method != "HEAD":
                        assert answer.json()["type"] == "/problems/csrf", (method, url)
                    form = client.request(method, url, headers=token, files={"file": b"x"})
                    assert form.status_code == 403 or method in {"GET", "HEAD"}, (method, url, form.text)
    assert asked > 60
    with database.begin() as session:
        changes = session.execute(text("SELECT action FROM audit_log WHERE action <> 'sign_in' AND actor = 'admin'"))
        assert changes.all() == []
        assert session.execute(text("SELECT count(*) FROM jobs")).scalar_one() == 0


def test_no_page_changes_anything_by_a_cookie_alone(settings: Settings, database: Database) -> None:
    """Over all routes of pages but those for who is not signed in: forms without a token, with a wrong one."""
    asked, open_ = 0, set()
    with browser(settings, database, "admin") as (client, _):
        _, of_another = sign_in(client.app, database, "admin")  # type: ignore[arg-type]
        for route in (route for router in PAGES for route in router.routes if isinstance(route, APIRoute)):
            if "GET" in route.methods:
                continue
            if not any(isinstance(each.call, Require) for each in dependencies_of(route)):
                open_.add(route.path)
                continue
            url = re.sub(r"\{[a-z_]+\}", ANY_ID, route.path)
            for form in ({}, {"csrf": ""}, {"csrf": of_another}):
                asked += 1
                answer = client.post(url, data=form)
                assert answer.status_code in (403, 415, 422), (url, answer.text)
                if answer.status_code == 403:
                    assert answer.json()["type"] == "/problems/csrf", (url, answer.text)
    assert asked > 30 and open_ == {"/sign-in", "/sign-in/link", "/sign-out"}
    with database.begin() as session:
        changes = session.execute(text("SELECT action FROM audit_log WHERE action <> 'sign_in' AND actor = 'admin'"))
        assert changes.all() == []


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Origin": "http://testserver"}, True),
        ({"Origin": "http://TESTSERVER"}, True),
        ({"Origin": "https://ecg.example.org"}, True),
        ({"Origin": "http://evil.example.org"}, False),
        ({"Origin": "http://testserver.evil.org"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
        ({}, True),
    ],
)
def test_another_site_is_refused_even_with_the_token(
    settings: Settings, database: Database, headers: dict[str, str], allowed: bool
) -> None:
    settings = settings.model_copy(update={"public_url": "http://ecg.example.org"})
    with browser(settings, database, "researcher") as (client, csrf):
        answer = client.post("/v1/datasets", json=DATASET, headers={**csrf, **headers})
        assert answer.status_code == (202 if allowed else 403), answer.text
        if "Sec-Fetch-Site" in headers:  # a link on another site into the API
            assert client.get("/v1/me", headers=headers).status_code == (200 if allowed else 403)


def test_sessions_do_not_pile_up(settings: Settings, database: Database) -> None:
    app = application(settings)
    cookies = [sign_in(app, database, "viewer") for _ in range(MOST_SESSIONS + 3)]
    with database.begin() as session:
        user = queries.user_named(session, "viewer")
        assert user is not None
        assert len(sessions.sessions_of(session, user.id, timedelta(hours=1))) == MOST_SESSIONS
        assert len({cookie for cookie, _ in cookies}) == len(cookies)
        assert end_sessions(session, "test", user) == MOST_SESSIONS
        assert sessions.sessions_of(session, user.id, timedelta(hours=1)) == []


def test_no_token_is_stored(settings: Settings, database: Database) -> None:
    cookie, csrf = sign_in(application(settings), database, "viewer")
    with database.begin() as session:
        rows = str(
            session.execute(text("SELECT user_sessions::text, encode(sha256, 'base64') FROM user_sessions")).all()
        )
    raw = base64.urlsafe_b64decode(cookie + "==")
    assert cookie not in rows and csrf not in rows and raw[:32].hex() not in rows and raw[32:].hex() not in rows
