"""How long pages take the server, and how large they are: `python -m benchmarks.disagreement_pages`.

Uses the database of `benchmarks.disagreement` (filled where the folder holds none), starts the service in a process
of its own, and prints for each page the median time through HTTP, its bytes, and its bytes as browsers get them. The
goals are 150 ms and 200 kB. An area of pages adds its lines to `PAGES`.
"""

import argparse
import gzip
import statistics
import tempfile
import time
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


def measure(client: httpx.Client, path: str) -> tuple[float, bytes]:
    """Return the median time of a page in ms, and the page."""
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        answer = client.get(path, headers={"Accept": "text/html"})
        times.append(1000 * (time.perf_counter() - began))
        assert answer.status_code == 200, (path, answer.status_code)
    return statistics.median(times[1:]), answer.content


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
            with service(settings) as (client, _):
                for name, path in PAGES:
                    took, page = measure(client, path)
                    sent = len(gzip.compress(page, 1))
                    late = "  OVER" if took > GOAL_MS or len(page) > GOAL_BYTES else ""
                    print(f"{name:<34} {took:8.1f} ms {len(page):9,} bytes {sent:8,} sent{late}", flush=True)


if __name__ == "__main__":
    main()
