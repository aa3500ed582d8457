"""An import or a watch that is killed three times ends with the rows of one that nobody disturbed."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from app.ecgs.service import Archive, object_key
from app.kit.database import Database
from app.settings import Settings

pytestmark = pytest.mark.faults
WITHIN_S = 60
KEY = "the same key, so that hashes of places can be compared"

Process = subprocess.Popen[bytes]

ROWS = {
    "ecgs": "SELECT record, waveform_sha256, samples, sampling_rate_hz, age, sex, recorded_at FROM ecgs",
    "reports": "SELECT e.record, e.waveform_sha256, source, reader, version, current, final, blinded, validated, text, "
    "codes FROM reports JOIN ecgs e ON e.id = ecg_id JOIN texts t ON t.id = text_id",
    "pairs": "SELECT e.record, e.waveform_sha256, c.machine_present, c.overread_present FROM pairs "
    "JOIN ecgs e ON e.id = ecg_id JOIN cells c ON c.id = cell_id",
    "labelings": "SELECT t.sha256, present, uncertain, negated, historical, stance FROM labelings "
    "JOIN texts t ON t.id = text_id",
    "files": "SELECT path, size, sha256, waveform_sha256 FROM import_files",
    "rejections": "SELECT kind, place, place_hash, sha256, reasons FROM import_rejections",
}


def start(settings: Settings, *arguments: object) -> Process:
    environment = {
        **os.environ,
        "OVERREAD_DATABASE_URL": settings.database_url or "",
        "OVERREAD_DATA_DIR": str(settings.data_dir),
        "OVERREAD_PATIENT_KEY": KEY,
        "OVERREAD_LABELING_PROCESSES": "1",
    }
    worker = [sys.executable, str(Path(__file__).with_name("import_worker.py")), *map(str, arguments)]
    return subprocess.Popen(worker, env=environment)


def count(database: Database, table: str = "ecgs") -> int:
    with database.begin() as session:
        return int(session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def stored(settings: Settings) -> dict[str, list[str]]:
    """All that is stored, without ids and times; every waveform is read."""
    database = Database(settings)
    with database.begin() as session:
        found = {name: sorted(map(repr, map(tuple, session.execute(text(sql))))) for name, sql in ROWS.items()}
        digests = session.scalars(text("SELECT waveform_sha256 FROM ecgs WHERE waveform_sha256 IS NOT NULL")).all()
    database.close()
    store = Archive.of(settings).store
    assert all(store.get(object_key(digest)) for digest in digests)
    return found


@pytest.fixture
def both(make_settings: Callable[[str], Settings]) -> tuple[Settings, Settings]:
    return make_settings("undisturbed"), make_settings("killed")


def copy_records(shared: Path, folder: Path, most: int) -> list[Path]:
    """Copy real records, and one that cannot be read, each under a number."""
    folder.mkdir()
    headers = [each for each in sorted((shared / "wfdb").rglob("*.hea")) if each.with_suffix(".mat").exists()]
    copied = []
    for header in headers[:most]:
        for ending in (".hea", ".mat"):
            shutil.copyfile(header.with_suffix(ending), folder / header.with_suffix(ending).name)
        copied.append(folder / header.name)
    (folder / "broken.hea").write_text("broken 12 500 5000\n")
    assert len(copied) > 40
    return copied


def test_an_import_that_is_killed_three_times(shared: Path, tmp_path: Path, both: tuple[Settings, Settings]) -> None:
    undisturbed, killed = both
    records = copy_records(shared, tmp_path / "archive", 80)
    assert start(undisturbed, "import", "physionet2021", tmp_path / "archive").wait(WITHIN_S) == 0
    database = Database(killed)
    for least in (len(records) // 5, 2 * len(records) // 5, 3 * len(records) // 5):
        worker = start(killed, "import", "physionet2021", tmp_path / "archive")
        until(lambda least=least: count(database) >= least)
        worker.kill()
        worker.wait()
        assert count(database) < len(records), "it was too late to kill it"
    assert start(killed, "import", "physionet2021", tmp_path / "archive").wait(WITHIN_S) == 0
    database.close()
    assert stored(killed) == stored(undisturbed)
    assert len(stored(killed)["ecgs"]) == len(records)


def test_a_watch_that_is_killed_three_times(shared: Path, tmp_path: Path, both: tuple[Settings, Settings]) -> None:
    undisturbed, killed = both
    whole, drop = tmp_path / "whole", tmp_path / "drop"
    records = copy_records(shared, whole, 60)
    assert start(undisturbed, "import", "files", whole).wait(WITHIN_S) == 0
    expected = stored(undisturbed)
    drop.mkdir()
    database = Database(killed)
    shutil.copyfile(whole / "broken.hea", drop / "broken.hea")
    for part in range(4):
        worker = start(killed, "watch", "files", drop)
        arriving = records[part * len(records) // 4 : (part + 1) * len(records) // 4]
        before = count(database)
        for number, record in enumerate(arriving):
            for ending in (".hea", ".mat"):
                source = record.with_suffix(ending)
                (drop / f".{source.name}").write_bytes(source.read_bytes())
                (drop / f".{source.name}").rename(drop / source.name)
            if number == len(arriving) // 2 and part < 3:
                until(lambda before=before: count(database) > before)
                worker.kill()
                worker.wait()
        if part == 3:
            until(lambda: len(stored(killed)["rejections"]) == len(expected["rejections"]))
            until(lambda: count(database) == len(expected["ecgs"]))
            worker.kill()
            worker.wait()
    database.close()
    found = stored(killed)
    for name in ("ecgs", "reports", "pairs", "labelings"):
        assert found[name] == expected[name], name
    assert len(found["files"]) == len(expected["files"]) == len(records) + 1
    assert len(found["rejections"]) == len(expected["rejections"])
