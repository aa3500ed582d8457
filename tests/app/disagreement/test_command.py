"""`overread disagreement` prints what the API answers."""

import csv
import io
import random

import httpx
import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.kit.database import Database
from app.settings import Settings
from tests.app.disagreement.archive import store
from tests.app.disagreement.test_table import SEED, random_pairs


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("OVERREAD_DATABASE_URL", (settings.database_url or "").replace("+psycopg", ""))
    monkeypatch.setenv("OVERREAD_DATA_DIR", str(settings.data_dir))
    return CliRunner()


def test_the_command_prints_the_table(run: CliRunner, client: httpx.Client, database: Database) -> None:
    store(database, random_pairs(random.Random(SEED), 80))
    table = client.get("/v1/disagreement", params={"sex": "male", "group_by": "site"}).json()
    options = ["disagreement", "--sex", "male", "--group-by", "site"]
    shown = run.invoke(cli, options)
    assert shown.exit_code == 0, shown.output
    lines = shown.stdout.splitlines()
    assert lines[0].startswith(f"{table['pairs']} pairs, {table['differing']} with any disagreement")
    assert [line for line in lines if line.startswith("site: ")][-1].startswith("site: not known")
    row = next(line for line in lines if line.startswith("RBBB"))
    first = table["groups"][0]["labels"][1]
    assert row.split()[1:6] == [
        str(first[name]) for name in ("machine", "overread", "disagreement", "added", "removed")
    ]
    written = run.invoke(cli, [*options, "--csv"])
    rows = list(csv.DictReader(io.StringIO(written.stdout)))
    assert [int(line["added"]) for line in rows] == [
        label["added"] for group in table["groups"] for label in group["labels"]
    ]


@pytest.mark.parametrize(
    "options", [["--hedged", "maybe"], ["--sex", "x"], ["--group-by", "colour"], ["--group-by", "sex"] * 2]
)
def test_an_option_that_makes_no_question_is_named(run: CliRunner, options: list[str]) -> None:
    refused = run.invoke(cli, ["disagreement", *options])
    assert refused.exit_code == 2 and options[0] in refused.stderr
