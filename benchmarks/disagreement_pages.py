"""How long pages take the server, and how large they are: `python -m benchmarks.disagreement_pages`.

Uses the database of `benchmarks.disagreement` (filled where the folder holds none), starts the service in a process
of its own, and prints for each page the median time through HTTP, the time that processors worked for it (the service's
and the database's, which is what a machine with nothing else to do needs at most), its bytes, and its bytes as browsers
get them. The goals are 150 ms and 200 kB. An area of pages adds its lines to `PAGES`.
"""

import argparse
import gzip
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import httpx

from app.embedded.postgres import EmbeddedPostgres
from app.kit.database import Database
from app.migrate import migrate
from app.settings import Settings
from benchmarks.disagreement import PAPER, fill_folder, service

REPEATS = 9
GOAL_MS, GOAL_BYTES = 150, 200_000

PAGES: list[tuple[str, str]] = [
    ("table", "/disagreement"),
    ("table of a site", "/disagreement?site=site-2"),
    ("table since mid-month", "/disagreement?from=2020-02-10"),
    ("table by site", "/disagreement?group_by=site"),
    ("table by month", "/disagreement?group_by=month"),
    ("one label by reader", "/disagreement?group_by=reader&label=aflutter"),
    ("table by site and sex", "/disagreement?group_by=site&group_by=sex"),
    ("women over 50", "/disagreement?sex=female&age_min=50"),
    ("women over 50 by site", "/disagreement?sex=female&age_min=50&group_by=site"),
    ("nights of a heart rate", "/disagreement?off_hours=true&heart_rate_min=100"),
    ("trend", "/disagreement/trend"),
    ("trend of a label", "/disagreement/trend?label=aflutter"),
    ("flow", "/disagreement/flow"),
    ("statements", "/disagreement/statements"),
    ("compare men and women", "/disagreement/compare?a.sex=male&b.sex=female"),
    ("compare two years", "/disagreement/compare?a.to=2023-01-01&b.from=2023-01-01"),
    ("most changed ECGs", "/disagreement/ecgs"),
    ("ECGs added", "/disagreement/anterior_mi/ecgs?direction=added"),
    ("ECGs that the machine called", "/disagreement/posterior_mi/ecgs?direction=machine"),
    ("the same at a site with 30 pairs", "/disagreement/posterior_mi/ecgs?direction=machine&site=rare"),
    ("ECGs of a flow", "/disagreement/anterior_mi/ecgs?direction=removed&instead=posterior_mi"),
    ("ECGs of a flow, nothing", "/disagreement/anterior_mi/ecgs?direction=removed&instead=nothing"),
]
"""What is asked for, and its address."""


def worked_s(processes: Sequence[int]) -> float:
    """Return how long processors have worked for some processes and all their children, also those that are gone."""
    worked = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(stat.parent.name) in processes or int(fields[1]) in processes:
                worked += sum(map(int, fields[11:15]))
    return worked / os.sysconf("SC_CLK_TCK")


def measure(client: httpx.Client, path: str, processes: Sequence[int]) -> tuple[float, float, bytes]:
    """Return the median time of a page in ms, the work for one in ms, and the page."""
    times = []
    client.get(path, headers={"Accept": "text/html"})
    before = worked_s(processes)
    for _ in range(REPEATS):
        began = time.perf_counter()
        answer = client.get(path, headers={"Accept": "text/html"})
        times.append(1000 * (time.perf_counter() - began))
        assert answer.status_code == 200, (path, answer.status_code)
    return statistics.median(times), 1000 * (worked_s(processes) - before) / REPEATS, answer.content


def main() -> None:
    """Print a row a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=PAPER)
    parser.add_argument("--folder", type=Path, help="Where the database is, or is kept.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder: Path = options.folder or Path(temporary)
        fill_folder(folder, options.pairs)
        with EmbeddedPostgres(folder / "pg") as url:
            settings = Settings(database_url=url, data_dir=folder / "data", _env_file=None)
            database = Database(settings)
            migrate(database)
            database.close()
            postmaster = int((folder / "pg" / "cluster" / "postmaster.pid").read_text().split()[0])
            with service(settings) as (client, api):
                print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
                for name, path in PAGES:
                    took, worked, page = measure(client, path, [api, postmaster])
                    sent = len(gzip.compress(page, 1))
                    late = "  OVER" if took > GOAL_MS or len(page) > GOAL_BYTES else ""
                    print(
                        f"{name:<34} {took:8.1f} ms {worked:7.0f} ms of work {len(page):9,} bytes {sent:8,} sent{late}",
                        flush=True,
                    )
                print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
