"""A release brings its vocabularies to an archive, and changes nothing there until somebody activates one."""

import hashlib

import httpx
from alembic import command
from sqlalchemy import text
from structlog.testing import capture_logs

from app.jobs.runner import Runner
from app.kit.database import Database
from app.migrate import config, migrate
from app.settings import Settings
from app.vocabularies import queries
from app.vocabularies.service import Labelers
from ml.labeling import SHIPPED, Labeler, builtin, builtin_text
from ml.labeling.elsewhere import outline
from tests.app.reports.test_stances import load
from tests.app.vocabularies.test_vocabularies import activate, add_ecg, changed, recount, rows, runner

__all__ = ["runner"]  # a fixture

NEWEST, OLDER = SHIPPED
FIRST_WITH_OLDER = "0016"  # the schema of the last release that shipped it
PAIRS = [  # the newest reads these over-reads otherwise
    ("Sinus rhythm\nLVH", "Sinus rhythm\nLVH criteria: negative"),
    ("Atrial fibrillation", "Disagree: this is atrial flutter"),
    ("Sinus rhythm\nLBBB", "Agree with computer interpretation"),
]
RELEASED = {"overread-1": "9d765767319edb0af41711dc326a89b27c0f6b7bd497a6646a0997ecb3809e4f"}


def only(database: Database, version: str, yaml: str) -> None:
    """Make an archive that has one vocabulary, the active one."""
    with database.begin() as session:
        session.execute(text("DELETE FROM vocabularies"))
        queries.add_if_absent(session, version, outline(Labeler(builtin(version))), yaml)


def listed(client: httpx.Client) -> dict[str, tuple[str, bool | None]]:
    return {row["version"]: (row["state"], row["shipped"]) for row in client.get("/v1/vocabularies").json()["items"]}


def test_a_released_vocabulary_never_changes() -> None:
    found = {version: hashlib.sha256(builtin_text(version).encode()).hexdigest() for version in RELEASED}
    assert found == RELEASED
    for version in SHIPPED:
        assert builtin(version).version == version


def test_a_new_archive_starts_with_the_newest(client: httpx.Client) -> None:
    assert listed(client) == {NEWEST: ("active", True), OLDER: ("inactive", True)}


def test_an_archive_keeps_its_vocabulary_until_another_is_activated(
    client: httpx.Client, database: Database, runner: Runner
) -> None:
    only(database, OLDER, builtin_text(OLDER))
    for machine, overread in PAIRS:
        add_ecg(database, Labelers(), machine, overread)
    before = rows(client)
    assert before == recount(database, builtin_text(OLDER))
    with database.engine.begin() as connection:
        command.downgrade(config(connection), FIRST_WITH_OLDER)
    migrate(database)

    assert listed(client) == {OLDER: ("active", True), NEWEST: ("inactive", True)}
    assert rows(client) == before
    preview = client.post("/v1/vocabularies/preview", json={"version": NEWEST}).json()
    shown = {row["label"]: tuple(row["after"].values()) for row in preview["labels"]}
    assert (preview["active"], preview["pairs"]) == (OLDER, len(PAIRS)) and preview["reports_changed"] == 3
    assert [(each["before"], each["after"]) for each in preview["stances"]] == [("read", "agrees")]

    assert activate(client, runner, NEWEST)["state"] == "succeeded"
    assert rows(client) == shown != before
    assert (before["lvh"], shown["lvh"]) == ((1, 1, 0, 0), (1, 0, 0, 1))
    assert (before["aflutter"], shown["aflutter"]) == ((0, 0, 0, 0), (0, 1, 1, 0))
    assert (before["lbbb"], shown["lbbb"]) == ((1, 0, 0, 1), (1, 1, 0, 0))
    assert activate(client, runner, OLDER)["result"]["texts_read"] == 0
    assert rows(client) == before
    migrate(database)
    assert listed(client) == {OLDER: ("active", True), NEWEST: ("inactive", True)}


def test_another_file_under_a_shipped_version_stays_and_is_named(
    client: httpx.Client, database: Database, settings: Settings
) -> None:
    """An archive of a release candidate: its reports were read with the file it has."""
    stored = changed(NEWEST, ("        - nsr\n", "        - nsr\n        - wobbly rhythm\n"))
    only(database, NEWEST, stored)
    with capture_logs() as logs:
        migrate(database)
    assert [entry for entry in logs if entry["event"] == "vocabulary_is_another_file"] == [
        {"event": "vocabulary_is_another_file", "log_level": "warning", "version": NEWEST, "state": "active"}
    ]
    assert listed(client) == {NEWEST: ("active", False), OLDER: ("inactive", True)}
    detail = client.get(f"/v1/vocabularies/{NEWEST}").json()
    assert (detail["yaml"], detail["shipped"]) == (stored, False)
    load(database, settings, {"record": "1", "source": "machine", "text": "Wobbly rhythm"})
    found = client.post("/v1/labels/extract", json={"text": "Wobbly rhythm"}).json()["findings"]
    assert [finding["label"] for finding in found] == ["sinus_rhythm"]
