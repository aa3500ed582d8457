"""Nobody sees or changes anything without a key of the right role."""

import asyncio
import re

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from sqlalchemy import text
from starlette.types import Message, Receive, Scope

from app.auth import queries, service
from app.auth.access import HELD_BYTES, Require
from app.auth.service import ROLES
from app.cli import main
from app.kit.database import Database
from app.kit.declared import dependencies_of
from app.main import ROUTERS
from app.settings import Settings
from tests.app.application import application

PUBLIC = {"/healthz", "/readyz"}
ANY_ID = "5b2c1b0e-0000-4000-8000-000000000000"


def calls(described: FastAPI) -> list[tuple[str, str]]:
    schema = described.openapi()
    return [(method.upper(), path) for path, methods in schema["paths"].items() for method in methods]


def test_every_route_refuses_without_a_key(client: httpx.Client, described: FastAPI) -> None:
    found = calls(described)
    assert len(found) > 25
    for method, path in found:
        url = re.sub(r"\{[a-z_]+\}", ANY_ID, path)
        for headers in ({"Authorization": ""}, {"Authorization": "Bearer wrong"}):
            answer = client.request(method, url, headers=headers)
            assert (answer.status_code == 401) is (path not in PUBLIC), (method, path, answer.status_code)


async def unread() -> Message:
    raise AssertionError("the body was read")


def status_of(
    app: FastAPI, method: str, path: str, headers: dict[str, str], receive: Receive = unread
) -> tuple[int, dict[bytes, bytes]]:
    """Return the status and headers of the answer to a request whose body must not be read."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {
        **{"type": "http", "http_version": "1.1", "method": method, "scheme": "http", "server": ("test", 80)},
        **{"path": path, "raw_path": path.encode(), "root_path": "", "query_string": b""},
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], dict(sent[0]["headers"])


@pytest.mark.parametrize("path", ["/v1/ecgs", "/v1/predictions", "/v1/datasets"])
def test_a_body_without_a_key_is_refused_unread(settings: Settings, path: str) -> None:
    headers = {"content-type": "multipart/form-data; boundary=b", "content-length": "60000000"}
    status, answered = status_of(application(settings), "POST", path, headers)
    assert status == 401 and answered[b"www-authenticate"] == b"Bearer"


@pytest.mark.parametrize(
    "length", [{"content-length": "100"}, {"content-length": str(HELD_BYTES + 1)}, {"transfer-encoding": "chunked"}]
)
def test_a_form_is_refused_unread_where_the_key_may_not_send_it(
    settings: Settings, keys: dict[str, str], database: Database, length: dict[str, str]
) -> None:
    app = application(settings)
    asked = 0
    for route in (route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)):
        needed = [each.call.role for each in dependencies_of(route) if isinstance(each.call, Require)]
        path = re.sub(r"\{[a-z_]+\}", ANY_ID, route.path)
        for method in route.methods & {"POST", "PUT", "PATCH", "DELETE"}:
            headers = {"content-type": "multipart/form-data; boundary=b", **length}
            assert status_of(app, method, path, {**headers, "authorization": "Bearer ovr_nobody"})[0] == 401
            [role] = needed
            for lower in ROLES[: ROLES.index(role)]:
                asked += 1
                known = {**headers, "authorization": f"Bearer {keys[lower]}"}
                assert status_of(app, method, path, known)[0] == 403, (method, path, lower)
    assert asked > 20
    with database.begin() as session:
        refused = session.execute(
            text("SELECT operation, users.name FROM access_log JOIN users ON users.id = user_id WHERE status = 403")
        ).all()
    assert ("upload_model", "researcher") in refused


def test_a_form_of_an_admitted_key_and_a_small_body_are_read(settings: Settings, keys: dict[str, str]) -> None:
    app = application(settings)
    for role, length, sent, path in (
        ("admin", HELD_BYTES + 1, "multipart/form-data; boundary=b", "/v1/models"),
        ("admin", 100, "multipart/form-data; boundary=b", "/v1/models"),
        ("viewer", HELD_BYTES, "application/json", "/v1/datasets"),
    ):
        read = []

        async def end(read: list[str] = read, role: str = role) -> Message:
            read.append(role)
            return {"type": "http.request", "body": b""}

        headers = {"authorization": f"Bearer {keys[role]}", "content-length": str(length)}
        headers["content-type"] = sent
        status_of(app, "POST", path, headers, end)
        assert read


def test_a_large_body_is_refused_unread_while_the_database_is_away(settings: Settings, keys: dict[str, str]) -> None:
    url = "postgresql+psycopg://nobody@127.0.0.1:9/nothing"
    app = application(settings.model_copy(update={"database_url": url}))
    headers = {"authorization": f"Bearer {keys['admin']}", "content-length": str(HELD_BYTES + 1)}
    status, answered = status_of(app, "POST", "/v1/models", {"content-type": "multipart/form-data", **headers})
    assert status == 503 and answered[b"retry-after"] == b"5"


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("GET", "/v1/ecgs", "viewer"),
        ("POST", f"/v1/ecgs/{ANY_ID}/reports", "reader"),
        ("POST", "/v1/datasets", "researcher"),
        ("POST", "/v1/training-jobs", "researcher"),
        ("POST", f"/v1/jobs/{ANY_ID}/cancel", "researcher"),
        ("POST", f"/v1/models/{ANY_ID}/promote", "admin"),
        ("GET", "/v1/audit", "admin"),
    ],
)
def test_a_weaker_role_is_refused(
    client: httpx.Client, keys: dict[str, str], method: str, path: str, needed: str
) -> None:
    for role in ROLES:
        body = {"json": {}} if path.endswith(("reports", "datasets", "training-jobs")) else {}
        answer = client.request(method, path, headers={"Authorization": f"Bearer {keys[role]}"}, **body)
        assert (answer.status_code == 403) is (ROLES.index(role) < ROLES.index(needed)), role


def test_revoked_keys_and_disabled_users_are_out(
    client: httpx.Client, keys: dict[str, str], database: Database
) -> None:
    with database.begin() as session:
        service.disable_user(session, "test", "viewer")
    assert client.get("/v1/me", headers={"Authorization": f"Bearer {keys['viewer']}"}).status_code == 401
    entry = client.get("/v1/audit").json()["items"][0]
    assert (entry["actor"], entry["action"], entry["before"], entry["after"]) == (
        "test",
        "disable",
        {"disabled": False},
        {"disabled": True},
    )


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\tb\nc", "caf\udce9"])
def test_a_name_that_nobody_can_have_is_one_line_and_status_2(
    settings: Settings,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    monkeypatch.setenv("OVERREAD_DATABASE_URL", settings.database_url or "")
    monkeypatch.setenv("OVERREAD_DATA_DIR", str(settings.data_dir))
    monkeypatch.setattr("sys.argv", ["overread", "user", "add", name, "--role", "viewer"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("overread: the user's name: ")
    with database.begin() as session:
        assert queries.users(session) == []


def test_the_space_around_a_name_is_not_kept(database: Database) -> None:
    with database.begin() as session:
        assert service.create_user(session, "test", " core lab ", "reader").name == "core lab"


def test_keys_are_stored_as_hashes_only(keys: dict[str, str], database: Database) -> None:
    from sqlalchemy import text

    with database.begin() as session:
        rows = str(session.execute(text("SELECT * FROM api_keys, audit_log")).all())
    assert not any(key in rows for key in keys.values())


def test_unknown_routes_and_broken_bodies_are_problems(client: httpx.Client) -> None:
    for answer in (
        client.get("/v1/nothing"),
        client.get("/v1/ecgs", params={"limit": 0}),
        client.get("/v1/ecgs", params={"cursor": "%%"}),
        client.get("/v1/ecgs/not-a-uuid"),
        client.get("/v1/ecgs", params={"device": "\0"}),
        client.get("/v1/disagreement", params={"site": "\0"}),
        client.post("/v1/datasets", content=b"{", headers={"content-type": "application/json"}),
        client.post("/v1/datasets", content=b"x" * 2_000_000, headers={"content-type": "application/json"}),
        client.post("/v1/ecgs", files={"file": ("x.txt", b"not an ECG")}),
        client.delete("/v1/ecgs"),
    ):
        body = answer.json()
        assert 400 <= answer.status_code < 500, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert body["status"] == answer.status_code and body["request_id"] == answer.headers["x-request-id"]


def test_every_api_route_is_described(described: FastAPI) -> None:
    schema = described.openapi()
    for path, methods in schema["paths"].items():
        for operation in methods.values():
            assert operation.get("description"), path
            if path not in PUBLIC:
                assert {"401", "403"} <= set(operation["responses"]), path
