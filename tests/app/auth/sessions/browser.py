"""A browser, signed in or not, as far as the service can tell."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from argon2 import Parameters, Type
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.auth import queries
from app.auth.passwords.hashing import Passwords
from app.auth.sessions.service import Browser, open_session
from app.auth.sessions.signing_in import store_password
from app.kit.database import Database
from app.settings import Settings
from tests.app.application import application

COOKIE = "overread"
PASSWORD = "trombone ketchup"
CHEAP = Parameters(type=Type.ID, version=19, salt_len=16, hash_len=32, time_cost=1, memory_cost=8, parallelism=1)
ACCEPT = {"Accept": "text/html"}


def sign_in(app: FastAPI, database: Database, name: str) -> tuple[str, str]:
    """Return the cookie of a new session of a user, and its CSRF token."""
    value, token = app.state.cookies.new()
    with database.begin() as session:
        user = queries.user_named(session, name)
        assert user is not None
        browser = Browser("10.0.0.1", "a browser")
        open_session(session, user, token, opened_by="link", browser=browser, settings=app.state.settings)
    return value, token.csrf


def give_password(database: Database, name: str, password: str = PASSWORD) -> None:
    with database.begin() as session:
        user = queries.user_by_name(session, name)
        assert user is not None
        store_password(session, "test", user, Passwords(CHEAP).hash(password))


@contextmanager
def stranger(settings: Settings) -> Iterator[httpx.Client]:
    """Yield a browser in which nobody is signed in, of a service whose passwords are hashed cheaply."""
    app = application(settings)
    app.state.passwords = Passwords(CHEAP)
    with TestClient(app, raise_server_exceptions=False, follow_redirects=False, headers=ACCEPT) as client:
        yield client


@contextmanager
def browser(settings: Settings, database: Database, name: str) -> Iterator[tuple[httpx.Client, dict[str, str]]]:
    """Yield a client that has a user's cookie and no key, and the headers that its pages would add."""
    app = application(settings)
    with TestClient(app, raise_server_exceptions=False) as client:
        cookie, csrf = sign_in(app, database, name)
        client.cookies.set(COOKIE, cookie)
        yield client, {"X-CSRF-Token": csrf}
