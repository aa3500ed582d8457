"""A signed-in browser, as far as the service can tell."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.auth import queries
from app.auth.sessions.service import Browser, open_session
from app.kit.database import Database
from app.main import create_app
from app.settings import Settings

COOKIE = "overread"


def sign_in(app: FastAPI, database: Database, name: str) -> tuple[str, str]:
    """Return the cookie of a new session of a user, and its CSRF token."""
    value, token = app.state.cookies.new()
    with database.begin() as session:
        user = queries.user_named(session, name)
        assert user is not None
        browser = Browser("10.0.0.1", "a browser")
        open_session(session, user, token, opened_by="link", browser=browser, settings=app.state.settings)
    return value, token.csrf


@contextmanager
def browser(settings: Settings, database: Database, name: str) -> Iterator[tuple[httpx.Client, dict[str, str]]]:
    """Yield a client that has a user's cookie and no key, and the headers that its pages would add."""
    app = create_app(settings)
    with TestClient(app, raise_server_exceptions=False) as client:
        cookie, csrf = sign_in(app, database, name)
        client.cookies.set(COOKIE, cookie)
        yield client, {"X-CSRF-Token": csrf}
