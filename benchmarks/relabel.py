"""How long an activation takes: `python -m benchmarks.relabel [--pairs N] [--folder F]`.

Stores N simulated pairs (Table A.1's rates; about a third of the over-reads have words of their own) in a private
PostgreSQL, activates a vocabulary with one more synonym through the real job, and prints seconds, what was read, and
the memory of the job's process and of its readers, the peak of each quarter of the time: flat is four equal figures.
`--folder` keeps the database there for another run.
"""

import argparse
import multiprocessing
import os
import platform
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import text

from app.auth import service as auth
from app.ecgs.service import Archive
from app.embedded.postgres import EmbeddedPostgres
from app.imports import simulation
from app.jobs import queries, service
from app.jobs.doorbell import Doorbell
from app.jobs.run import Workplace
from app.jobs.runner import Runner
from app.kit.database import Database
from app.migrate import migrate
from app.reports import queries as reports
from app.settings import Settings
from app.steps import KINDS
from app.vocabularies import service as vocabularies
from ml.corpus.simulator import table_a1
from ml.labeling import builtin, builtin_text
from ml.labeling.elsewhere import answer

START = time.perf_counter()


def fill(settings: Settings, pairs: int, seed: int) -> None:
    """Store a simulated archive by the service's own way in; in a process of its own."""
    database = Database(settings)
    archive = simulation.Archive(table_a1(pairs), pairs, seed)
    loaded = simulation.load(database, settings, "benchmark", archive, progress=lambda _: None)
    with database.begin() as session:
        print(
            f"stored in {time.perf_counter() - START:.1f} s, {reports.count_texts(session):,} distinct texts of "
            f"{loaded.reports:,}",
            flush=True,
        )
    database.close()


class Memory:
    """Samples what this process and its reading processes hold, in MiB, while the block runs."""

    def __enter__(self) -> "Memory":
        self.samples: list[tuple[int, int]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def quarters(self) -> str:
        """Say the peak of each quarter: own + readers."""
        width = max(1, -(-len(self.samples) // 4))
        parts = [self.samples[at : at + width] for at in range(0, len(self.samples), width)]
        return "  ".join(f"{max(own for own, _ in part)}+{max(read for _, read in part)}" for part in parts)

    def _look(self) -> None:
        while not self._over.wait(0.2):
            readers = [pid for pid in map(int, _children()) if b"ml.labeling.batch" in _proc(pid, "cmdline")]
            self.samples.append((_rss_mib(os.getpid()), sum(map(_rss_mib, readers))))


def _children() -> list[str]:
    tasks = Path(f"/proc/{os.getpid()}/task")
    return [pid for task in tasks.iterdir() for pid in (task / "children").read_text().split()]


def _proc(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def _rss_mib(pid: int) -> int:
    pages = _proc(pid, "statm").split()
    return int(pages[1]) * os.sysconf("SC_PAGE_SIZE") // 2**20 if pages else 0


def activate(database: Database, settings: Settings, version: str) -> tuple[float, Any]:
    """Run an activation's job here; give its seconds and its result."""
    with database.begin() as session:
        user = auth.create_user(session, "benchmark", f"u-{uuid.uuid4().hex[:8]}", "admin")
        job = service.create(
            session, Doorbell(settings), user, "relabel", params={"version": version, "actor": user.name}
        )
    archive = Archive.of(settings)
    start = time.perf_counter()
    Runner(Workplace(settings, database, archive), KINDS).run(job.id)
    seconds = time.perf_counter() - start
    with database.begin() as session:
        ended = queries.by_id(session, job.id)
        assert ended is not None and ended.state == "succeeded", ended and ended.error
        return seconds, ended.result


def _plan(database: Database) -> None:
    """Let the planner know the tables, as autovacuum would have by the time somebody changes the vocabulary."""
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as plain:
        plain.execute(text("VACUUM (ANALYZE)"))


def servers(folder: Path) -> Iterator[Settings]:
    """Settings on a private PostgreSQL."""
    with EmbeddedPostgres(folder / "pg") as url:
        yield Settings(database_url=url, data_dir=folder / "data", _env_file=None)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=200_000)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    yaml = builtin_text()
    with tempfile.TemporaryDirectory() as temporary:
        for settings in servers(options.folder or Path(temporary)):
            database = Database(settings)
            migrate(database)
            print(f"{platform.machine()}, {os.cpu_count()} cores; {options.pairs:,} pairs of a simulated archive")
            with database.begin() as session:
                filled = reports.count_texts(session) > 0
            if not filled:
                filling = multiprocessing.get_context("spawn").Process(target=fill, args=(settings, options.pairs, 1))
                filling.start()
                filling.join()
                assert filling.exitcode == 0
            _plan(database)
            first, second = (f"{name}-{uuid.uuid4().hex[:6]}" for name in ("first", "second"))
            with database.begin() as session:
                for name, line in ((first, "nsr"), (second, "nsr\n        - wobbly rhythm")):
                    changed = yaml.replace(f"version: {builtin().version}", f"version: {name}", 1).replace(
                        "- nsr", f"- {line}", 1
                    )
                    vocabularies.upload(session, "benchmark", changed, answer({"vocabulary": changed}))
            for name in (first, second, first):
                with Memory() as memory:
                    seconds, result = activate(database, settings, name)
                print(
                    f"{name:<13} {seconds:>7.1f} s   {result['texts_read']:>9,} texts read   "
                    f"{result['pairs']:>9,} pairs   MiB, job + readers, by quarter: {memory.quarters()}",
                    flush=True,
                )
            database.close()


if __name__ == "__main__":
    main()
