"""How fast a folder of WFDB records is imported: `python -m benchmarks.import_waveforms --records FOLDER [--ecgs N]`.

Makes N records of 10 s from the real ones in FOLDER (each turned by some samples, so that no two are equal), and in the
same run, on the same disk:

1. imports them, as `overread import files` does, into a database of its own: PostgreSQL on stock settings, with fsync;
2. reads them with a script as people write it: wfdb, SciPy's band-pass and resampling, a NumPy file with an fsync each.

Prints ECGs a second of both, the ratio, and the greatest memory of the importing process; and how long the same import
takes once more, when nothing has changed. `--url` names an empty database instead of the private one.
"""

import argparse
import os
import platform
import resource
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import wfdb
from scipy import signal

from app.ecgs.service import Archive
from app.embedded.postgres import EmbeddedPostgres
from app.imports.counts import Imported
from app.imports.importer import Importer
from app.imports.places import Places
from app.imports.service import import_archive
from app.imports.source import Source
from app.kit.database import Database
from app.migrate import migrate
from app.settings import Settings

RATE_HZ = 250


def main() -> None:
    """Make the records, import them, read them with the script, and print both rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=Path, required=True, help="a folder of WFDB records of 10 s in format 16")
    parser.add_argument("--ecgs", type=int, default=5_000)
    parser.add_argument("--script-ecgs", type=int, default=500, help="of them, how many the script reads")
    parser.add_argument("--url", help="an empty PostgreSQL database, postgresql://…")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "records"
        make_records(arguments.records, folder, arguments.ecgs)
        print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
        with _database(arguments.url, Path(place)) as (database, settings):
            ours = _import(database, settings, folder, "first import")
            _import(database, settings, folder, "again     ")
        theirs = _script(sorted(folder.glob("*.hea"))[: arguments.script_ecgs], Path(place) / "script")
        print(f"import {ours:,.0f} ECGs a second, script {theirs:,.0f}: {ours / theirs:.1f} times as many")
        most_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"greatest memory of the importing process {most_mib:.0f} MiB")


def make_records(real: Path, folder: Path, count: int) -> None:
    """Write `count` records that differ: real ones, turned in time, with their checksums."""
    folder.mkdir()
    headers = [path for path in sorted(real.rglob("*.hea")) if path.with_suffix(".dat").exists()]
    for number in range(count):
        header = headers[number % len(headers)]
        samples = np.fromfile(header.with_suffix(".dat"), "<i2").reshape(-1, 12)
        turned = np.roll(samples, 7 * (number // len(headers)), axis=0)
        (folder / f"r{number:06d}.dat").write_bytes(turned.tobytes())
        lines = header.read_text().splitlines()
        lines[0] = lines[0].replace(header.stem, f"r{number:06d}")
        for lead in range(12):
            fields = lines[1 + lead].split()
            fields[0], fields[5] = f"r{number:06d}.dat", str(turned[0, lead])
            lines[1 + lead] = " ".join(fields)
        (folder / f"r{number:06d}.hea").write_text("\n".join(lines) + "\n")


def _import(database: Database, settings: Settings, folder: Path, name: str) -> float:
    archive = Archive.of(settings)
    source = Source(kind="files", path=folder, folder=Places(archive.hash_patient).folder("files", folder))
    began = time.perf_counter()
    with Importer(database, settings, archive, lambda _: None) as importer:
        imported: Imported = import_archive(importer, "benchmark", source, import_id=uuid.uuid4(), database=database)
    took_s = time.perf_counter() - began
    print(f"{name}: {imported.found:,} found, {imported.ecgs:,} new, {dict(imported.signals)}, {took_s:.1f} s")
    return imported.found / took_s


def _script(headers: list[Path], folder: Path) -> float:
    """Return how many records a second a plain script reads, filters, resamples and writes durably."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    sos = signal.butter(3, (0.5, 40), "bandpass", fs=500, output="sos")
    began = time.perf_counter()
    for header in headers:
        record = wfdb.rdrecord(str(header.with_suffix("")))
        filtered = signal.sosfiltfilt(sos, record.p_signal, axis=0)
        resampled = signal.resample_poly(filtered, RATE_HZ, record.fs, axis=0).astype(np.float32)
        with (folder / f"{header.stem}.npy").open("wb") as file:
            np.save(file, resampled)
            file.flush()
            os.fsync(file.fileno())
    return len(headers) / (time.perf_counter() - began)


@contextmanager
def _database(url: str | None, place: Path) -> Iterator[tuple[Database, Settings]]:
    if url is not None:
        yield from _migrated(url, place)
        return
    with EmbeddedPostgres(place / "pg") as own:
        yield from _migrated(own, place)


def _migrated(url: str, place: Path) -> Iterator[tuple[Database, Settings]]:
    settings = Settings(database_url=url, data_dir=place / "data", _env_file=None)
    database = Database(settings)
    migrate(database)
    yield database, settings
    database.close()


if __name__ == "__main__":
    main()
