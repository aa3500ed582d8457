"""A watched folder: what is complete is taken, once; what may be half of a file waits."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from app.ecgs.patients import PatientHasher
from app.ecgs.service import Archive
from app.imports.importer import Importer
from app.imports.places import Places
from app.imports.reading import prepare
from app.imports.source import Source
from app.imports.watching import scan
from app.imports.watching.scan import Scanner
from app.imports.watching.watcher import Watcher
from app.kit.database import Database
from app.settings import Settings

Start = Callable[..., Watcher]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "drop").mkdir()
    return tmp_path / "drop"


@pytest.fixture
def importer(database: Database, settings: Settings) -> Iterator[Importer]:
    archive = Archive.of(settings)
    settings = settings.model_copy(update={"labeling_processes": 1})
    with Importer(database, settings, archive, lambda _: None) as importer:
        yield importer


@pytest.fixture
def start(
    database: Database, settings: Settings, importer: Importer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Start:
    monkeypatch.setattr(scan, "WHOLE_EVERY_S", 0.0)

    def start(kind: str = "files", patience_s: float = 1e9) -> Watcher:
        places = Places(PatientHasher(settings)).folder(kind, folder)
        return Watcher(importer, database, Source(kind=kind, path=folder, folder=places, watched=True), patience_s)

    return start


@pytest.fixture
def record(shared: Path) -> Path:
    return next(
        path for path in sorted((shared / "ptbxl/records500").rglob("*.hea")) if path.with_suffix(".dat").exists()
    )


def drop(source: Path, target: Path) -> None:
    for ending in (".hea", ".dat"):
        shutil.copyfile(source.with_suffix(ending), target / source.with_suffix(ending).name)


def count(database: Database, table: str) -> int:
    with database.begin() as session:
        return int(session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def test_a_file_is_taken_when_it_stood_still_between_two_looks(
    start: Start, database: Database, folder: Path, record: Path
) -> None:
    watcher = start()
    drop(record, folder)
    assert watcher.look().ecgs == 0
    assert watcher.look().ecgs == 1
    assert watcher.look().found == 0
    assert sorted(path.name for path in folder.iterdir()) == [record.with_suffix(".dat").name, record.name]


def test_half_a_file_waits_and_is_taken_when_it_is_whole(
    start: Start, database: Database, folder: Path, record: Path
) -> None:
    watcher = start()
    signal = record.with_suffix(".dat").read_bytes()
    drop(record, folder)
    half = folder / record.with_suffix(".dat").name
    half.write_bytes(signal[: len(signal) // 2])
    for _ in range(4):
        watcher.look()
    assert count(database, "ecgs") == count(database, "import_rejections") == count(database, "import_files") == 0
    half.write_bytes(signal)
    watcher.look()
    assert watcher.look().ecgs == 1 and watcher.waiting == 0


def test_a_header_waits_for_its_signal(start: Start, database: Database, folder: Path, record: Path) -> None:
    watcher = start()
    shutil.copyfile(record, folder / record.name)
    for _ in range(3):
        watcher.look()
    assert count(database, "import_rejections") == 0
    shutil.copyfile(record.with_suffix(".dat"), folder / record.with_suffix(".dat").name)
    watcher.look()
    assert watcher.look().ecgs == 1


def test_what_stays_half_is_refused_in_the_end_and_read_again_when_it_changes(
    start: Start, database: Database, folder: Path, record: Path
) -> None:
    watcher = start(patience_s=0.0)
    shutil.copyfile(record, folder / record.name)
    watcher.look()
    assert watcher.look().refused == {"missing_file": 1}
    assert watcher.look().found == 0 and watcher.waiting == 0
    shutil.copyfile(record.with_suffix(".dat"), folder / record.with_suffix(".dat").name)
    watcher.look()
    assert watcher.look().ecgs == 1


def test_a_renamed_file_is_not_read_again(
    start: Start, database: Database, folder: Path, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher = start("muse-xml")
    shutil.copyfile(shared / "formats/muse_xml/muse-sinus.xml", folder / "a.xml")
    watcher.look()
    taken = watcher.look()
    assert (taken.ecgs, taken.signals) == (1, {"read": 1})
    (folder / "sub").mkdir()
    (folder / "a.xml").rename(folder / "sub/b.xml")
    watcher.look()
    assert watcher.look().found == 0 and watcher.waiting == 0
    assert count(database, "ecgs") == 1 and count(database, "import_files") == 2


def test_a_file_replaced_by_a_longer_one_is_read_again(
    start: Start, database: Database, folder: Path, shared: Path
) -> None:
    watcher = start("muse-xml")
    first, second = sorted((shared / "formats/muse_xml").glob("*.xml"), key=lambda path: path.stat().st_size)[-2:]
    shutil.copyfile(first, folder / "a.xml")
    watcher.look()
    assert watcher.look().ecgs == 1
    shutil.copyfile(second, folder / "a.xml")
    watcher.look()
    assert watcher.look().signals == {"read": 1}
    assert count(database, "import_files") == 1


def test_a_restart_reads_nothing_again(
    start: Start, database: Database, folder: Path, shared: Path, record: Path
) -> None:
    drop(record, folder)
    shutil.copyfile(shared / "formats/muse_xml/muse-sinus.xml", folder / "a.xml")
    (folder / "bad.hea").write_text("no header")
    first = start(patience_s=0.0)
    first.look()
    taken = first.look()
    assert (taken.ecgs, taken.refused.total()) == (2, 1)
    before = count(database, "reports")
    again = start(patience_s=0.0)
    again.look()
    taken = again.look()
    assert taken.signals.get("read", 0) == taken.ecgs == taken.reports == 0
    assert count(database, "reports") == before and count(database, "import_rejections") == 1


def test_an_erased_ecg_does_not_come_back(start: Start, database: Database, folder: Path, record: Path) -> None:
    drop(record, folder)
    for watcher in (start(), start()):
        watcher.look()
        watcher.look()
        with database.begin() as session:
            session.execute(text("DELETE FROM ecgs"))
    assert count(database, "import_files") == 1
    last = start()
    last.look()
    last.look()
    assert count(database, "ecgs") == 0


def test_folders_without_a_new_name_are_passed_over(folder: Path) -> None:
    for number in range(3):
        (folder / f"f{number}").mkdir()
        (folder / f"f{number}/a.xml").write_text("x")
    (folder / ".hidden").write_text("x")
    (folder / "link.xml").symlink_to(folder / "f0/a.xml")
    scanner = Scanner(folder)
    assert sorted(place for place, _ in scanner.look()) == ["f0/a.xml", "f1/a.xml", "f2/a.xml"]
    assert list(scanner.look()) == []
    (folder / "f1/b.xml").write_text("y")
    os.utime(folder / "f1", ns=(1, 1))  # a file system with coarse times
    assert sorted(place for place, _ in scanner.look()) == ["f1/a.xml", "f1/b.xml"]


def test_the_hash_is_that_of_the_files_one_after_the_other(record: Path) -> None:
    import hashlib

    from ml.formats.disk import record_at

    found = record_at(record)
    assert found is not None
    whole = record.read_bytes() + record.with_suffix(".dat").read_bytes()
    assert prepare.sha256_of(found.contents()) == hashlib.sha256(whole).hexdigest()
