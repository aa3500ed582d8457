"""How long an export takes: `python -m benchmarks.export [--pairs N] [--what W …] [--text] [--database URL]`.

Stores N simulated pairs (Table A.1's rates) in a private PostgreSQL, or takes an archive that is there (`--database`),
exports it twice, and prints the seconds of each, the size and rows of each file, whether both gave the same bytes, and
the most memory that the exporting process had.
"""

import argparse
import multiprocessing
import os
import platform
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.disagreement.off_hours import OffHours
from app.disagreement.written import as_parameters
from app.ecgs.filters import settled
from app.ecgs.service import Archive
from app.embedded.postgres import EmbeddedPostgres
from app.exports.schemas import ExportIn
from app.exports.service import Exporter
from app.exports.waveforms import in_a_folder
from app.kit.database import Database, Json
from app.migrate import migrate
from app.settings import Settings
from benchmarks.relabel import fill

PAPER = 2_030_000


def export(settings: Settings, folder: Path, what: list[str], *, text: bool) -> Json:
    """Write an export of all simulated, or all real, pairs; return its result."""
    database = Database(settings)
    with database.begin() as session:
        chosen = settled(session, ExportIn(what=["pairs"], filters={}).chosen(OffHours()))
    request = ExportIn.model_validate({"what": what, "filters": as_parameters(chosen), "text": text})
    folder.mkdir()
    with database.begin() as session:
        exporter = Exporter(session, request, chosen, lambda *_: None)
        result = exporter.write(folder, Archive.of(settings), in_a_folder)
    database.close()
    return result


@contextmanager
def archive(options: argparse.Namespace, folder: Path) -> Iterator[Settings]:
    """Open the archive that is named, or one with simulated pairs."""
    if options.database:
        yield Settings(database_url=options.database, data_dir=folder / "data", _env_file=None)
        return
    with EmbeddedPostgres(folder / "pg") as url:
        settings = Settings(database_url=url, data_dir=folder / "data", _env_file=None)
        database = Database(settings)
        migrate(database)
        database.close()
        filling = multiprocessing.get_context("spawn").Process(target=fill, args=(settings, options.pairs, 1))
        filling.start()
        filling.join()
        yield settings


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=PAPER)
    parser.add_argument("--what", nargs="+", default=["pairs"])
    parser.add_argument("--text", action="store_true")
    parser.add_argument("--database")
    options = parser.parse_args()
    cores, load = os.cpu_count(), os.getloadavg()[0]
    print(f"{cores} cores, {platform.machine()}, Python {platform.python_version()}; load {load:.1f}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with archive(options, folder) as settings:
            files = []
            for name in ("first", "second"):
                start = time.perf_counter()
                result = export(settings, folder / name, options.what, text=options.text)
                print(f"{name}: {result['pairs']:,} pairs in {time.perf_counter() - start:.1f} s")
                files.append(result["files"])
        for each in files[0]:
            rows = result["rows"].get(each["name"])
            print(f"  {each['name']}: {each['bytes'] / 1e6:.1f} MB" + (f", {rows:,} rows" if rows is not None else ""))
        print("the same bytes" if files[0] == files[1] else "THE BYTES DIFFER")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"most memory: {peak:.0f} MiB; own CPU time of both: {time.process_time():.1f} s")


if __name__ == "__main__":
    main()
