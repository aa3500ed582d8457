"""Keys begin, end and are used; somebody can always get in."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text
from typer.testing import CliRunner

from app.auth import queries, service
from app.auth.service import AuthError
from app.cli import cli
from app.kit.database import Database
from app.settings import Settings

RUN = CliRunner()
FIRST, SECOND = SecretStr("a" * 40), SecretStr("b" * 40)


@pytest.fixture
def command(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands work on the test's service."""
    monkeypatch.setenv("OVERREAD_DATABASE_URL", settings.database_url or "")
    monkeypatch.setenv("OVERREAD_DATA_DIR", str(settings.data_dir))


def opens(client: httpx.Client, key: str) -> bool:
    return client.get("/v1/me", headers={"Authorization": f"Bearer {key}"}).status_code == 200


def set_time(database: Database, column: str, interval: str) -> None:
    with database.begin() as session:
        session.execute(text(f"UPDATE api_keys SET {column} = now() + CAST(:by AS interval)"), {"by": interval})


@pytest.mark.usefixtures("command")
def test_a_key_ends_when_it_was_said_to(client: httpx.Client, database: Database) -> None:
    until = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    made = RUN.invoke(cli, ["user", "add", "guest", "--role", "viewer", "--expires", until])
    assert made.exit_code == 0, made.output
    key = made.stdout.strip()
    assert opens(client, key)
    assert f"active until {until} 00:00" in RUN.invoke(cli, ["user", "list"]).stdout
    set_time(database, "expires_at", "-1 second")
    assert not opens(client, key)
    assert "expired" in RUN.invoke(cli, ["user", "list"]).stdout


@pytest.mark.usefixtures("command")
@pytest.mark.parametrize(("expires", "status"), [("2020-01-01", 1), ("tomorrow", 2), ("90", 2)])
def test_an_end_that_makes_no_sense_is_refused(keys: dict[str, str], expires: str, status: int) -> None:
    refused = RUN.invoke(cli, ["key", "issue", "viewer", "--expires", expires])
    assert refused.exit_code == status
    assert "--expires" in refused.output + str(refused.exception)


def test_last_use_is_known_to_the_minute_and_written_once_a_minute(
    client: httpx.Client, database: Database, keys: dict[str, str]
) -> None:
    last = text("SELECT last_used_at, xmin::text FROM api_keys WHERE last_used_at IS NOT NULL")
    with database.begin() as session:
        assert session.execute(last).all() == []
    assert opens(client, keys["viewer"])
    with database.begin() as session:
        ((used_at, version),) = session.execute(last).all()
        assert datetime.now(UTC) - used_at < timedelta(minutes=1)
    for _ in range(3):
        opens(client, keys["viewer"])
    with database.begin() as session:
        assert session.execute(last).all() == [(used_at, version)]
        session.execute(text("UPDATE api_keys SET last_used_at = last_used_at - interval '2 minutes'"))
    opens(client, keys["viewer"])
    with database.begin() as session:
        assert max(row.last_used_at for row in session.execute(last)) > used_at


@pytest.mark.usefixtures("command")
def test_a_disabled_user_is_enabled_again(client: httpx.Client, keys: dict[str, str]) -> None:
    for word, opened in (("disable", False), ("enable", True)):
        assert RUN.invoke(cli, ["user", word, "viewer"]).exit_code == 0
        assert opens(client, keys["viewer"]) is opened
    entries = [(entry["action"], entry["before"], entry["after"]) for entry in client.get("/v1/audit").json()["items"]]
    assert entries[:2] == [
        ("enable", {"disabled": True}, {"disabled": False}),
        ("disable", {"disabled": False}, {"disabled": True}),
    ]


def test_a_disabled_user_gets_no_key(database: Database, keys: dict[str, str]) -> None:
    with database.begin() as session:
        service.disable_user(session, "test", "viewer")
        with pytest.raises(AuthError, match="user enable"):
            service.issue_key(session, "test", "viewer")


def test_the_last_admin_stays_one(database: Database, keys: dict[str, str]) -> None:
    with database.begin() as session:
        with pytest.raises(AuthError, match="last admin"):
            service.disable_user(session, "test", "admin")
        with pytest.raises(AuthError, match="last admin"):
            service.set_role(session, "test", "admin", "researcher")
        service.create_user(session, "test", "second", "admin")
        service.set_role(session, "test", "admin", "researcher")
        with pytest.raises(AuthError, match="last admin"):
            service.disable_user(session, "test", "second")


@pytest.mark.parametrize("harm", ["disabled_at = now()", "role = 'viewer'"])
def test_the_key_that_is_printed_opens_everything(client: httpx.Client, database: Database, harm: str) -> None:
    """Also where an earlier release let the last admin be disabled or demoted."""
    with database.begin() as session:
        session.execute(text(f"UPDATE users SET {harm} WHERE role = 'admin'"))
        printed = service.ensure_admin(session, None)
    assert printed is not None
    assert client.get("/v1/audit", headers={"Authorization": f"Bearer {printed}"}).status_code == 200


def test_a_key_of_the_environment_ends_with_the_variable(database: Database) -> None:
    def owner(key: SecretStr) -> str | None:
        with database.begin() as session:
            found = queries.active_key(session, service.hash_key(key.get_secret_value()))
            return None if found is None else found[1].role

    for given in (FIRST, FIRST, SECOND):
        with database.begin() as session:
            assert service.ensure_admin(session, given) is None
    assert (owner(FIRST), owner(SECOND)) == (None, "admin")
    with database.begin() as session:
        assert service.ensure_admin(session, None) is not None  # nobody could get in otherwise
    assert owner(SECOND) is None
    with database.begin() as session:
        assert service.ensure_admin(session, SECOND) is None
        found = queries.active_key(session, service.hash_key(SECOND.get_secret_value()))
        assert found is not None and found[1].role == "admin"
        service.revoke_key(session, "test", found[0].id)
    for given in (SECOND, None, SECOND):
        with database.begin() as session:
            service.ensure_admin(session, given)
    assert owner(SECOND) is None, "somebody revoked it"


def test_a_job_is_cancelled_by_whose_it_is_or_by_an_admin(client: httpx.Client, keys: dict[str, str]) -> None:
    researcher = {"Authorization": f"Bearer {keys['researcher']}"}
    of_admin = client.post("/v1/datasets", json={"name": "a"}).headers["location"]
    of_researcher = client.post("/v1/datasets", json={"name": "b"}, headers=researcher).headers["location"]
    assert client.post(f"{of_admin}/cancel", headers=researcher).status_code == 403
    assert client.get(of_admin).json()["state"] == "queued"
    assert client.post(f"{of_researcher}/cancel", headers=researcher).json()["state"] == "cancelled"
    other = client.post("/v1/datasets", json={"name": "c"}, headers=researcher).headers["location"]
    assert client.post(f"{other}/cancel").json()["state"] == "cancelled"


def test_each_line_of_the_log_about_a_request_carries_its_user(
    client: httpx.Client, keys: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    from app.kit import logs

    logs.configure(json=True)
    client.get("/v1/me", headers={"Authorization": f"Bearer {keys['viewer']}"})
    client.get("/v1/audit", headers={"Authorization": f"Bearer {keys['viewer']}"})
    client.get("/v1/me", headers={"Authorization": "Bearer wrong"})
    import json

    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if '"request"' in line]
    assert [(line["status"], line["user_id"] is not None) for line in lines] == [(200, True), (403, True), (401, False)]
    assert lines[0]["user_id"] == lines[1]["user_id"]
