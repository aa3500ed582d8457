"""`overread user password` and `user link`, and what the first `serve` prints."""

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from app.auth.passwords.hashing import Passwords
from app.auth.passwords.rules import WeakPassword
from app.auth.service import AuthError
from app.cli import cli
from app.embedded.serve import prepare
from app.kit.database import Database
from app.settings import Settings
from tests.app.auth.sessions.browser import PASSWORD, stranger

RUN = CliRunner()


@pytest.fixture(autouse=True)
def command(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands work on the test's service."""
    monkeypatch.setenv("OVERREAD_DATABASE_URL", settings.database_url or "")
    monkeypatch.setenv("OVERREAD_DATA_DIR", str(settings.data_dir))


def stored(database: Database, name: str) -> str | None:
    with database.begin() as session:
        found: str | None = session.execute(
            text("SELECT password FROM users WHERE name = :name"), {"name": name}
        ).scalar()
    return found


def test_a_password_is_read_from_standard_input(database: Database, keys: dict[str, str]) -> None:
    done = RUN.invoke(cli, ["user", "password", "reader"], input=f"{PASSWORD}\n")
    assert done.exit_code == 0 and PASSWORD not in done.output
    assert Passwords().matches(stored(database, "reader"), PASSWORD)
    for name, password, fault in (("reader", "short", WeakPassword), ("nobody", PASSWORD, AuthError)):
        refused = RUN.invoke(cli, ["user", "password", name], input=f"{password}\n")
        assert isinstance(refused.exception, fault)
    assert Passwords().matches(stored(database, "reader"), PASSWORD)


def test_a_link_is_printed_and_signs_in(settings: Settings, database: Database, keys: dict[str, str]) -> None:
    done = RUN.invoke(cli, ["user", "link", "reader", "--at", "http://testserver/"])
    address = done.stdout.strip()
    assert done.exit_code == 0 and address.startswith("http://testserver/sign-in/link?token=")
    with stranger(settings) as client:
        assert client.get(address).status_code == 200
        assert client.post("/sign-in/link", data={"token": address.partition("=")[2]}).status_code == 303
        assert client.get("/v1/me").json()["name"] == "reader"
    assert isinstance(RUN.invoke(cli, ["user", "link", "nobody"]).exception, AuthError)


@pytest.mark.parametrize("given", [None, "k" * 40])
def test_the_first_start_has_a_link_and_later_ones_have_none(settings: Settings, given: str | None) -> None:
    settings = Settings(**{**settings.model_dump(), "admin_key": given}, _env_file=None)
    first = prepare(settings, own_database=False)
    assert (first.key is None) is (given is not None)
    assert first.link is not None
    with stranger(settings) as client:
        assert client.post("/sign-in/link", data={"token": first.link}).status_code == 303
        assert client.get("/v1/me").json() == {"name": "admin", "role": "admin"}
    assert prepare(settings, own_database=False) == (None, None)
