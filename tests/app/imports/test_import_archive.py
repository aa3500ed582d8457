"""From a folder of an archive to rows, objects and rejections."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from app.ecgs.service import Archive
from app.imports.counts import Imported
from app.imports.importer import Importer
from app.imports.places import Places
from app.imports.source import Source
from app.kit.database import Database
from app.settings import Settings

Bring = Callable[..., Imported]


@pytest.fixture
def archive(settings: Settings) -> Archive:
    return Archive.of(settings)


@pytest.fixture
def bring(database: Database, settings: Settings, archive: Archive) -> Bring:
    def bring(kind: str, path: Path, **more: object) -> Imported:
        source = Source(kind=kind, path=path, folder=Places(archive.hash_patient).folder(kind, path), **more)
        with Importer(database, settings.model_copy(update={"labeling_processes": 2}), archive, lambda _: None) as it:
            return it.run(source)

    return bring


@pytest.fixture
def ptbxl(shared: Path, tmp_path: Path) -> Path:
    """A PTB-XL with the twelve records that are here, each of them real."""
    root = tmp_path / "ptbxl"
    with (shared / "ptbxl/ptbxl_database.csv").open(newline="") as table:
        rows = csv.DictReader(table)
        here = [row for row in rows if (shared / "ptbxl" / f"{row['filename_hr']}.dat").exists()][:12]
        assert len(here) == 12 and rows.fieldnames is not None
    for row in here:
        for ending in ("hea", "dat"):
            target = root / f"{row['filename_hr']}.{ending}"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(shared / "ptbxl" / f"{row['filename_hr']}.{ending}", target)
    with (root / "ptbxl_database.csv").open("w", newline="") as table:
        writer = csv.DictWriter(table, rows.fieldnames)
        writer.writeheader()
        writer.writerows(here)
    return root


def rows(database: Database, query: str) -> list[tuple[object, ...]]:
    with database.begin() as session:
        return [tuple(row) for row in session.execute(text(query))]


def test_a_folder_becomes_ecgs_with_waveforms_and_readings(
    bring: Bring, database: Database, ptbxl: Path, archive: Archive
) -> None:
    imported = bring("ptbxl", ptbxl)
    assert (imported.found, imported.total, imported.ecgs, imported.reports) == (12, 12, 12, 12)
    assert imported.signals == {"read": 12} and imported.refused == {}
    stored = rows(database, "SELECT waveform_sha256 FROM ecgs WHERE record LIKE 'ptbxl/%' AND patient_hash IS NOT NULL")
    assert len(stored) == 12
    with (ptbxl / "ptbxl_database.csv").open(newline="") as table:
        folds = {f"ptbxl/{row['ecg_id']}": int(row["strat_fold"]) for row in csv.DictReader(table)}
    assert dict(rows(database, "SELECT record, fold FROM ecgs")) == folds
    for (digest,) in stored:
        archive.store.get(f"waveforms/{digest}")
    said = rows(database, "SELECT count(*) FROM reports JOIN texts ON texts.id = text_id WHERE codes IS NOT NULL")
    assert said == [(12,)]


def test_the_same_folder_again_reads_no_signal_and_changes_nothing(
    bring: Bring, database: Database, ptbxl: Path
) -> None:
    bring("ptbxl", ptbxl)
    before = rows(database, "SELECT * FROM ecgs ORDER BY id") + rows(database, "SELECT * FROM reports ORDER BY id")
    again = bring("ptbxl", ptbxl)
    assert (again.ecgs, again.reports, again.known, again.signals) == (0, 0, 12, {"unchanged": 12})
    assert (
        rows(database, "SELECT * FROM ecgs ORDER BY id") + rows(database, "SELECT * FROM reports ORDER BY id") == before
    )
