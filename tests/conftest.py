"""A real PostgreSQL with the real migrations, an application on it, and keys of every role."""

import logging
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import structlog
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from sqlalchemy import NullPool, create_engine, text

from app.auth import service as auth
from app.ecgs.patients import PatientHasher
from app.embedded.postgres import EmbeddedPostgres
from app.kit.database import Database
from app.main import ROUTERS
from app.migrate import migrate
from app.settings import Settings
from tests.app.application import application
from tests.app.s3_server import BUCKET, environment, s3_server

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """A command that a test runs sets up logs on a standard error of its own, which ends with it."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    if structlog.is_configured():
        structlog.reset_defaults()
        root.handlers[:] = handlers
        root.setLevel(level)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real ECGs beside the repository."""
    if not SHARED.is_dir():
        pytest.skip("the folder of real ECGs is absent")
    return SHARED


@pytest.fixture(scope="session")
def s3_address() -> Iterator[str]:
    """The address of an S3 API on this machine."""
    pytest.importorskip("moto.server", reason="moto's server is not installed")
    with s3_server() as address:
        yield address


@pytest.fixture
def bucket(s3_address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty folder of a bucket; the environment has its credentials."""
    for name, value in environment(s3_address).items():
        monkeypatch.setenv(name, value)
    return f"s3://{BUCKET}/{uuid.uuid4().hex}"


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL: the one named by OVERREAD_TEST_DATABASE_URL, else a private one."""
    given = os.environ.get("OVERREAD_TEST_DATABASE_URL")
    if given:
        yield given
        return
    with EmbeddedPostgres(tmp_path_factory.mktemp("pg"), durable=False) as url:
        yield url


@pytest.fixture(scope="session")
def template(server_url: str) -> Iterator[tuple[str, str]]:
    """A migrated database that tests copy: the server's URL and its name."""
    name = f"template_{uuid.uuid4().hex[:12]}"
    _run(server_url, f"CREATE DATABASE {name}")
    database = Database(Settings(database_url=_with_name(server_url, name), _env_file=None))
    migrate(database)
    database.close()
    yield server_url, name
    drop(server_url, name)


@pytest.fixture
def make_settings(template: tuple[str, str], tmp_path: Path) -> Iterator[Callable[[str], Settings]]:
    """Settings on empty, migrated databases of the test's own, with a short lease and a data folder of a name."""
    server, source = template
    made = []

    def make(folder: str) -> Settings:
        name = f"test_{uuid.uuid4().hex[:12]}"
        _run(server, f"CREATE DATABASE {name} TEMPLATE {source}")
        made.append(name)
        settings = Settings(
            data_dir=tmp_path / folder,
            database_url=_with_name(server, name),
            lease_s=3,
            reap_every_s=0.3,
            prediction_timeout_s=120,
            _env_file=None,
        )
        assert PatientHasher(settings).fingerprint  # makes the key, as `serve` and `migrate` do
        return settings

    yield make
    for name in made:
        drop(server, name)


@pytest.fixture
def settings(make_settings: Callable[[str], Settings]) -> Settings:
    """Settings on an empty, migrated database of the test's own, with a short lease."""
    return make_settings("data")


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    database = Database(settings)
    yield database
    database.close()


@pytest.fixture
def keys(database: Database) -> dict[str, str]:
    """One key a role."""
    made = {}
    with database.begin() as session:
        for role in auth.ROLES:
            auth.create_user(session, "test", role, role)
            made[role] = auth.issue_key(session, "test", role)
    return made


@pytest.fixture(scope="session")
def described(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    """An application that nobody asks anything, for its description: describing needs no database."""
    url = "postgresql+psycopg://nobody@127.0.0.1/nothing"
    return application(Settings(database_url=url, data_dir=tmp_path_factory.mktemp("data"), _env_file=None))


@pytest.fixture
def client(settings: Settings, keys: dict[str, str], described: FastAPI) -> Iterator[httpx.Client]:
    """A client of the application, with the admin's key. An answer that OpenAPI does not declare fails the test."""
    app = application(settings)
    with TestClient(app, raise_server_exceptions=False) as client:
        client.headers["Authorization"] = f"Bearer {keys['admin']}"
        client.event_hooks["response"].append(lambda answer: check_declared(described, answer))
        yield client


def check_declared(described: FastAPI, answer: httpx.Response) -> None:
    """Fail where an operation answers with a status, or in a media type, that its description does not have."""
    asked = answer.request
    for route in [route for router in ROUTERS for route in router.routes]:  # the app's own list wraps them
        if not isinstance(route, APIRoute) or not route.include_in_schema:
            continue
        if asked.method in route.methods and route.path_regex.match(asked.url.path):
            responses = described.openapi()["paths"][route.path_format][asked.method.lower()]["responses"]
            declared = responses.get(str(answer.status_code))
            assert declared is not None, f"{asked.method} {route.path_format} answers {answer.status_code}, undeclared"
            media_type = answer.headers.get("content-type", "").partition(";")[0]
            assert not media_type or media_type in declared["content"], f"{route.path_format} answers {media_type}"
            return


def _with_name(url: str, name: str) -> str:
    head, _, query = url.partition("?")
    return f"{head.rsplit('/', 1)[0]}/{name}" + (f"?{query}" if query else "")


def drop(url: str, name: str) -> None:
    """Drop a database of ours, whoever is connected to it.

    Not WITH (FORCE): that is refused to a role that is no superuser while autovacuum looks at the database, where a
    plain DROP sends autovacuum away by itself.
    """
    _run(
        url,
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND usename = current_user",
        f"DROP DATABASE {name}",
    )


def _run(url: str, *statements: str) -> None:
    url = url.replace("postgresql://", "postgresql+psycopg://", 1)
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
