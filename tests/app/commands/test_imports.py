"""`overread import` as people type it: a folder by its name, and a watch that is stopped."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.ecgs.patients import PatientHasher
from app.ecgs.queries import total
from app.kit.database import Database
from app.settings import Settings

RUN = CliRunner()
SECONDS = 60


@pytest.fixture
def folder(database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder `drop` in the current folder, and a service that the command finds."""
    assert PatientHasher(settings).fingerprint  # it has a key
    monkeypatch.setenv("OVERREAD_DATABASE_URL", settings.database_url or "")
    monkeypatch.setenv("OVERREAD_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("OVERREAD_LABELING_PROCESSES", "1")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "drop").mkdir()
    return tmp_path / "drop"


@pytest.fixture
def watch(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", "from app.cli import cli; cli()", "import", "muse-xml", "drop", "--watch"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    with subprocess.Popen(command, cwd=folder.parent, env=environment, stderr=subprocess.PIPE) as child:
        yield child
        child.kill()


def muse(shared: Path, name: str) -> Path:
    return shared / "formats/muse_xml" / name


def test_a_folder_that_is_named_from_where_one_is_has_its_signals(
    database: Database, folder: Path, shared: Path
) -> None:
    shutil.copy(muse(shared, "muse_ecg1.xml"), folder)
    ended = RUN.invoke(cli, ["import", "muse-xml", "drop"])
    assert ended.exit_code == 0, ended.output
    assert "1 new ECGs, 2 new readings" in ended.stdout and "1 read" in ended.stdout


def test_a_folder_without_an_ecg_says_so(folder: Path) -> None:
    (folder / "notes.txt").write_text("nothing")
    ended = RUN.invoke(cli, ["import", "muse-xml", "drop"])
    assert ended.exit_code == 0 and "no muse-xml was found there" in ended.stdout


def test_a_watch_takes_what_arrives_and_ends_when_it_is_told_to(
    database: Database, folder: Path, shared: Path, watch: subprocess.Popen[bytes]
) -> None:
    shutil.copy(muse(shared, "muse_ecg1.xml"), folder)
    wait_for(database, 1)
    shutil.copy(muse(shared, "muse_ecg2.xml"), folder)
    wait_for(database, 2)
    watch.send_signal(signal.SIGTERM)
    assert watch.wait(SECONDS) == 0
    assert watch.stderr is not None and b"1 new ECGs, 2 new readings" in watch.stderr.read()


def test_a_watch_of_no_folder_and_one_that_stores_nothing_are_refused(folder: Path) -> None:
    assert RUN.invoke(cli, ["import", "muse-xml", "not-here", "--watch"]).exit_code == 2
    assert RUN.invoke(cli, ["import", "muse-xml", "drop", "--watch", "--dry-run"]).exit_code == 2
    assert RUN.invoke(cli, ["import", "ptbxl", "drop", "--watch"]).exit_code == 2  # it has no such option


def wait_for(database: Database, ecgs: int) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        with database.begin() as session:
            if total(session) == ecgs:
                return
        time.sleep(0.2)
    raise AssertionError(f"there are not {ecgs} ECGs")
