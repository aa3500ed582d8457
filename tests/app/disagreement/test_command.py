"""`overread disagreement` prints what the API answers."""

import csv
import io
import random
from datetime import UTC, datetime

import httpx
import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.disagreement import command
from app.disagreement.counting.selection import PairFilter
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
    options = ["disagreement", "--where", "sex=male", "--group-by", "site"]
    shown = run.invoke(cli, options)
    assert shown.exit_code == 0, shown.output
    lines = shown.stdout.splitlines()
    assert lines[0].endswith(", real ECGs")
    assert lines[0].startswith(f"{table['pairs']} pairs, {table['differing']} with any disagreement")
    assert [line for line in lines if line.startswith("site: ")][-1].startswith("site: not known")
    row = next(line for line in lines if line.startswith("RBBB"))
    first = table["groups"][0]["labels"][1]
    assert row.split()[1:6] == [
        str(first[name]) for name in ("machine", "overread", "disagreement", "added", "removed")
    ]
    written = run.invoke(cli, [*options, "--csv"])
    assert "\\r" not in written.stdout and written.stdout.splitlines()[0].endswith(",simulated")
    rows = list(csv.DictReader(io.StringIO(written.stdout)))
    assert [int(line["added"]) for line in rows] == [
        label["added"] for group in table["groups"] for label in group["labels"]
    ]


@pytest.mark.parametrize(
    "options",
    [
        ["--hedged", "maybe"],
        ["--sex", "x"],
        ["--group-by", "colour"],
        ["--group-by", "sex"] * 2,
        ["--age-min", "nan"],
        ["--age-min", "-5"],
        ["--age-max", "1e400"],
        ["--site", ""],
        ["--reader", "a\x07"],
        ["--from", "0001-01-01"],
        ["--to", "9999-12-31T23:59:59-14:00"],
        ["--site", "nowhere"],
        ["--age-min", "60", "--age-max", "59"],
        ["--from", "2026-01-01", "--to", "2025-01-01"],
        ["--where", "colour=red"],
        ["--where", "hour"],
        ["--where", "from=2026-01-01"],
    ],
)
def test_an_option_that_makes_no_question_is_named(run: CliRunner, options: list[str]) -> None:
    refused = run.invoke(cli, ["disagreement", *options])
    assert refused.exit_code == 2
    [line] = refused.stderr.splitlines()
    assert line.startswith(f"overread: {options[0]}: ")


def test_times_are_read_as_the_api_reads_them() -> None:
    def asked(start: str) -> PairFilter:
        return command.asked(
            {"from": start, "site": " north "}, ["hour=7"], "positive", (), settings=Settings(_env_file=None)
        ).chosen

    five = datetime(2024, 6, 1, 5, tzinfo=UTC)
    assert asked("2024-06-01T00:00:00-05:00") == PairFilter(recorded_from=five, site="north", hour=7)
    assert asked("2024-06-01") == PairFilter(recorded_from=five.replace(hour=0), site="north", hour=7)
    for digits in ("2025", "20240301"):
        with pytest.raises(command.CannotBeAsked, match=r"^--from: is not written as ISO 8601"):
            asked(digits)
