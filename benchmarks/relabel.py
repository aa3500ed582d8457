"""How long an activation takes: `python -m benchmarks.relabel [--pairs N]`.

Stores N simulated pairs (each its own machine text and over-read, a share of them distinct) in a private PostgreSQL,
activates a vocabulary with one more synonym through the real job, and prints seconds, what was read, and the memory of
the process of the job and of its readers together, the peak of each quarter of the time: flat is four equal figures.
"""

import argparse
import io
import multiprocessing
import os
import platform
import random
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import text

from app.auth import service as auth
from app.ecgs.patients import PatientHasher
from app.ecgs.service import Archive
from app.embedded.postgres import EmbeddedPostgres
from app.jobs import queries, service
from app.jobs.doorbell import Doorbell
from app.jobs.run import Workplace
from app.jobs.runner import Runner
from app.jobs.steps import STEPS
from app.kit.database import Database
from app.kit.migrate import migrate
from app.kit.store import ObjectStore
from app.settings import Settings
from app.vocabularies import queries as vocabularies
from ml.labeling import builtin_text

RHYTHMS = ["Normal sinus rhythm", "Sinus bradycardia", "Sinus tachycardia", "Atrial fibrillation", "Atrial flutter"]
OTHERS = [
    "Left axis deviation", "Right bundle branch block", "Left bundle branch block", "Left ventricular hypertrophy",
    "Possible inferior infarct, age undetermined", "Cannot rule out anterior infarct", "Nonspecific T wave abnormality",
    "Premature ventricular complexes", "Prolonged QT", "First degree AV block", "Low voltage QRS", "Normal ECG",
]  # fmt: skip


def report(draw: random.Random, free: float) -> str:
    """Make a report of two to five statements; a share of them ends with words of its own."""
    lines = [draw.choice(RHYTHMS), *draw.sample(OTHERS, draw.randint(1, 4))]
    if draw.random() < free:
        day = f"{draw.randint(1, 28)}/{draw.randint(1, 12)}/{draw.randint(1980, 2026)}"
        lines.append(f"Compared with the tracing of {day} at {draw.randint(0, 23)}:{draw.randint(0, 59):02} no change")
    return "\n".join(lines)


def fill(url: str, pairs: int, seed: int) -> None:
    """COPY ECGs, texts and reports; in a process of its own, because it remembers every text."""
    database = Database(Settings(database_url=url, _env_file=None))
    draw = random.Random(seed)
    texts: dict[str, int] = {}
    ecgs, reports = io.StringIO(), io.StringIO()
    connection = database.engine.raw_connection()
    cursor: Any = connection.cursor()
    for done in range(1, pairs + 1):
        ecg = uuid.UUID(int=draw.getrandbits(128))
        ecgs.write(f"{ecg}\t{ecg.hex * 2}\t5000\t500\n")
        for source, free in (("machine", 0.05), ("overread", 0.3)):
            words = report(draw, free)
            number = texts.setdefault(words, len(texts) + 1)
            reports.write(f"{uuid.UUID(int=draw.getrandbits(128))}\t{ecg}\t{source}\t1\tt\t{number}\n")
        if done % 100_000 == 0 or done == pairs:
            _copy(cursor, "ecgs (id, waveform_sha256, samples, sampling_rate_hz)", ecgs)
            cursor.execute("CREATE TEMP TABLE IF NOT EXISTS new (LIKE texts)")
            rows = io.StringIO()
            for words, number in texts.items():
                if number > getattr(fill, "stored", 0):
                    escaped = words.replace("\n", "\\n")
                    rows.write(f"{number}\t{escaped}\n")
            fill.stored = len(texts)  # type: ignore[attr-defined]
            cursor.execute("CREATE TEMP TABLE words (id bigint, text text) ON COMMIT DROP")
            _copy(cursor, "words (id, text)", rows)
            cursor.execute(
                "INSERT INTO texts (id, sha256, text) OVERRIDING SYSTEM VALUE "
                "SELECT id, sha256(convert_to('t' || text, 'UTF8')), text FROM words"
            )
            _copy(cursor, "reports (id, ecg_id, source, version, current, text_id)", reports)
            connection.commit()
            ecgs, reports = io.StringIO(), io.StringIO()
    cursor.execute("SELECT setval(pg_get_serial_sequence('texts', 'id'), (SELECT max(id) FROM texts))")
    connection.commit()
    connection.close()
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as plain:
        plain.execute(text("VACUUM (ANALYZE)"))
    database.close()


def _copy(cursor: Any, target: str, rows: io.StringIO) -> None:
    with cursor.copy(f"COPY {target} FROM STDIN") as copy:
        copy.write(rows.getvalue())


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
            session, Doorbell(settings), user, "relabel", {"version": version, "actor": user.name}, None
        )
    archive = Archive(ObjectStore(settings.data_dir / "objects"), PatientHasher(settings))
    start = time.perf_counter()
    Runner(Workplace(settings, database, archive), STEPS).run(job.id)
    seconds = time.perf_counter() - start
    with database.begin() as session:
        ended = queries.by_id(session, job.id)
        assert ended is not None and ended.state == "succeeded", ended and ended.error
        return seconds, ended.result


def servers(folder: Path) -> Iterator[Settings]:
    """Settings on a private PostgreSQL."""
    with EmbeddedPostgres(folder / "pg") as url:
        yield Settings(database_url=url, data_dir=folder / "data", _env_file=None)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=200_000)
    options = parser.parse_args()
    yaml = builtin_text()
    with tempfile.TemporaryDirectory() as folder:
        for settings in servers(Path(folder)):
            database = Database(settings)
            migrate(database)
            start = time.perf_counter()
            filling = multiprocessing.get_context("spawn").Process(
                target=fill, args=(settings.database_url, options.pairs, 1)
            )
            filling.start()
            filling.join()
            assert filling.exitcode == 0
            print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores; {options.pairs:,} pairs")
            print(f"stored in {time.perf_counter() - start:.1f} s (COPY, not the service's way in)")
            with database.begin() as session:
                for name, line in (("first", "nsr"), ("second", "nsr\n        - wobbly rhythm")):
                    changed = yaml.replace("version: overread-1", f"version: {name}", 1).replace(
                        "- nsr", f"- {line}", 1
                    )
                    vocabularies.add_if_absent(session, name, changed)
            for name in ("first", "second", "first"):
                with Memory() as memory:
                    seconds, result = activate(database, settings, name)
                print(
                    f"{name:<7} {seconds:>7.1f} s   {result['texts_read']:>9,} texts read   "
                    f"{result['pairs']:>9,} pairs   MiB, job + readers, by quarter: {memory.quarters()}",
                    flush=True,
                )
            database.close()


if __name__ == "__main__":
    main()
