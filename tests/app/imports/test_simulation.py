"""`overread simulate reports`: through labeler and database the table is the ledger's, cell by cell."""

import json
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from app.cli import cli
from app.imports import simulation
from app.kit.database import Database
from app.settings import Settings
from ml.corpus.simulator import simulate, table_a1
from ml.formats.wfdb import write_wfdb

RUN = CliRunner()


@pytest.fixture
def on_database(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVERREAD_DATABASE_URL", settings.database_url or "")
    monkeypatch.setenv("OVERREAD_DATA_DIR", str(settings.data_dir))


@pytest.mark.usefixtures("on_database")
def test_the_table_is_the_ledgers_and_the_same_archive_again_changes_nothing(
    client: httpx.Client, database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "ledger.json"
    command = ["simulate", "reports", "--pairs", "2000", "--table-a1", "--seed", "7", "--ledger", str(file)]
    ended = RUN.invoke(cli, command)
    assert ended.exit_code == 0, ended.output
    assert "every cell is the ledger's" in ended.stdout
    ledger = json.loads(file.read_text())
    assert (ledger["pairs"], ledger["seed"]) == (2000, 7)
    table = client.get("/v1/disagreement").json()
    assert table["pairs"] == 2000
    for row in table["labels"]:
        assert {name: row[name] for name in ("machine", "overread", "disagreement", "added", "removed")} == ledger[
            "labels"
        ][row["label"]]
    by_site = client.get("/v1/disagreement", params={"group_by": "site"}).json()["groups"]
    assert len(by_site) == 5 and all(each["group"]["site"].startswith("simulated") for each in by_site)
    assert all(ecg["simulated"] for ecg in client.get("/v1/ecgs").json()["items"])
    with database.begin() as session:
        before = session.execute(text("SELECT count(*), max(version) FROM reports")).one()
    assert RUN.invoke(cli, command).exit_code == 0
    with database.begin() as session:
        assert session.execute(text("SELECT count(*), max(version) FROM reports")).one() == before == (4000, 1)


@pytest.mark.usefixtures("on_database")
def test_an_archive_with_real_ecgs_takes_simulated_ones_only_when_told(client: httpx.Client) -> None:
    files = [("file", item) for item in write_wfdb(next(simulate(1, 1)).recording, "r").items()]
    assert client.post("/v1/ecgs", files=files).status_code == 201
    command = ["simulate", "reports", "--pairs", "1000", "--table-a1"]
    for answer in (None, "n\n"):
        refused = RUN.invoke(cli, command, input=answer)
        assert refused.exit_code == 1 and "This archive holds real ECGs." in refused.output
        assert client.get("/v1/ecgs", params={"simulated": True}).json()["items"] == []
    assert RUN.invoke(cli, command, input="y\n").exit_code == 0
    assert RUN.invoke(cli, [*command, "--seed", "2", "--yes"]).exit_code == 0
    assert client.get("/v1/disagreement").json()["pairs"] == 0
    assert client.get("/v1/disagreement", params={"simulated": True}).json()["pairs"] == 2000


@pytest.mark.usefixtures("on_database")
def test_a_ledger_that_cannot_be_written_is_one_line_before_anything_is_stored(
    client: httpx.Client, tmp_path: Path
) -> None:
    command = ["simulate", "reports", "--pairs", "1000", "--table-a1", "--ledger", str(tmp_path / "no" / "ledger.json")]
    ended = RUN.invoke(cli, command)
    assert ended.exit_code == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith("overread: --ledger: ") and line.endswith("No such file or directory")
    assert client.get("/v1/ecgs").json()["items"] == []


@pytest.mark.usefixtures("on_database")
def test_a_table_that_differs_is_shown_and_ends_with_status_1(database: Database) -> None:
    command = ["simulate", "reports", "--pairs", "1000", "--table-a1", "--seed", "1"]
    assert RUN.invoke(cli, command).exit_code == 0
    with database.begin() as session:
        session.execute(text("DELETE FROM pairs WHERE ecg_id = (SELECT id FROM ecgs WHERE record LIKE '%/0')"))
    archive = simulation.Archive(table_a1(1000), 1000, 1)
    table = simulation.table(database, archive)
    assert not table.is_right() and "999 pairs in the table" in table.shown() and "DIFFERS" in table.shown()


def test_no_other_rates_are_promised() -> None:
    assert RUN.invoke(cli, ["simulate", "reports", "--pairs", "1000"]).exit_code == 2
