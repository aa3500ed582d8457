"""How long freezing a dataset takes beside a large archive: `python -m benchmarks.freeze [--pairs N] [--waveforms M]`.

Fills a database of its own with N imported pairs of reports without a tracing, then M tracings with both readings, and
freezes a dataset of the tracings twice: as the tables are after the writes, and after ANALYZE. Prints the time in which
the ECGs and their readings are read from the database, and that of the whole job. Without `--url` it starts a private
PostgreSQL on stock settings.
"""

import argparse
import os
import platform
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from sqlalchemy import text

from app.auth import service as auth
from app.datasets import queries
from app.datasets.schemas import ChoiceIn
from app.datasets.service import choice_of
from app.disagreement.off_hours import OffHours
from app.ecgs.service import Archive
from app.embedded.postgres import EmbeddedPostgres
from app.jobs.run import Workplace
from app.jobs.runner import Runner
from app.kit.database import Database
from app.migrate import migrate
from app.settings import Settings
from app.steps import KINDS
from app.vocabularies.queries import active
from ml.corpus.simulator import simulate
from ml.formats import Recording, waveform

TEXTS = 20_000  # distinct reports of an archive
BATCH = 500
SEED = 1


def main() -> None:
    """Fill a database, freeze a dataset with and without statistics, and print the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=500_000, help="imported pairs: two reports each")
    parser.add_argument("--waveforms", type=int, default=20_000)
    parser.add_argument("--url", help="an empty PostgreSQL database, postgresql://…")
    arguments = parser.parse_args()
    with _database(arguments.url) as (database, settings):
        archive = Archive.of(settings)
        _stop_autovacuum(database)
        began = time.perf_counter()
        _import_pairs(database, arguments.pairs)
        _upload(database, archive, arguments.waveforms)
        print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
        print(f"{2 * arguments.pairs:,} imported reports, {arguments.waveforms:,} tracings with both readings")
        print(f"filled in {time.perf_counter() - began:.0f} s")
        for statistics in ("none", "ANALYZE"):
            if statistics == "ANALYZE":
                _execute(database, "ANALYZE")
            read_s = _read(database)
            job_s = _freeze(database, settings, archive)
            print(f"statistics {statistics:<8} reading the database {read_s:6.1f} s   whole job {job_s:6.1f} s")


@contextmanager
def _database(url: str | None) -> Iterator[tuple[Database, Settings]]:
    with tempfile.TemporaryDirectory() as folder:
        if url is None:
            with EmbeddedPostgres(Path(folder) / "pg") as own:
                yield from _migrated(own, Path(folder))
        else:
            yield from _migrated(url, Path(folder))


def _migrated(url: str, folder: Path) -> Iterator[tuple[Database, Settings]]:
    settings = Settings(database_url=url, data_dir=folder, _env_file=None)
    database = Database(settings)
    migrate(database)
    yield database, settings
    database.close()


def _execute(database: Database, *statements: str, **parameters: object) -> None:
    with database.begin() as session:
        for statement in statements:
            session.execute(text(statement), parameters)


def _stop_autovacuum(database: Database) -> None:
    """Keep the tables without statistics until ANALYZE: what happens when a job follows at once on bulk writes."""
    tables = ("ecgs", "reports", "texts", "labelings")
    _execute(database, *(f"ALTER TABLE {table} SET (autovacuum_enabled = false)" for table in tables))


def _import_pairs(database: Database, pairs: int) -> None:
    """Write ECGs of which only reports are known, in the tables' own form."""
    with database.begin() as session:
        vocabulary = active(session).id
    _execute(
        database,
        "INSERT INTO texts (sha256, text) SELECT sha256(n::text::bytea), 'report ' || n"
        " FROM generate_series(1, :texts) n",
        "INSERT INTO labelings (vocabulary_id, text_id, present, uncertain, negated, historical, findings, unmapped)"
        " SELECT :vocabulary, id, id % 8192, 0, 0, 0, '[]', '{}' FROM texts",
        "INSERT INTO ecgs (id, record) SELECT gen_random_uuid(), 'record ' || n FROM generate_series(1, :pairs) n",
        *(_reports(source) for source in ("machine", "overread")),
        texts=TEXTS,
        vocabulary=vocabulary,
        pairs=pairs,
    )


def _reports(source: str) -> str:
    """Return the SQL that gives each ECG without a report of a source one, of random words."""
    return f"""
        INSERT INTO reports (id, ecg_id, source, version, current, text_id)
        SELECT gen_random_uuid(), id, '{source}', 1, true, (SELECT min(id) FROM texts) + floor(random() * {TEXTS})
        FROM ecgs WHERE NOT EXISTS (SELECT FROM reports WHERE ecg_id = ecgs.id AND source = '{source}')
        """


def _upload(database: Database, archive: Archive, waveforms: int) -> None:
    """Store variants of one tracing, each an ECG of its own."""
    [ecg] = simulate(1, seed=SEED)
    known = ecg.recording
    draw = np.random.default_rng(SEED)
    for start in range(0, waveforms, BATCH):
        rows = []
        for _ in range(min(BATCH, waveforms - start)):
            noise = draw.integers(-3, 4, known.samples.shape, dtype=known.samples.dtype)
            recording = Recording(known.samples + noise, known.gain, known.sampling_rate_hz)
            digest = waveform.digest(recording)
            archive.store.put(f"waveforms/{digest}", waveform.encode(recording))
            shape = {"samples": recording.samples.shape[1], "rate": recording.sampling_rate_hz}
            rows.append({"id": uuid.uuid4(), "digest": digest, **shape})
        with database.begin() as session:
            session.execute(
                text(
                    "INSERT INTO ecgs (id, waveform_sha256, samples, sampling_rate_hz)"
                    " VALUES (:id, :digest, :samples, :rate)"
                ),
                rows,
            )
    _execute(database, _reports("machine"), _reports("overread"))


def _read(database: Database) -> float:
    """Return the seconds in which all chosen ECGs are read, batch by batch, without their signals."""
    began = time.perf_counter()
    with database.begin() as session:
        choice = choice_of(session, ChoiceIn(simulated=False), OffHours())
    digest: str | None = ""
    while digest is not None:
        with database.begin() as session:
            batch = queries.read_after(session, choice, digest, BATCH)
        digest = batch[-1].ecg.waveform_sha256 if batch else None
    return time.perf_counter() - began


def _freeze(database: Database, settings: Settings, archive: Archive) -> float:
    job = uuid.uuid4()
    with database.begin() as session:
        auth.create_user(session, "benchmark", f"researcher-{job.hex[:8]}", "researcher")
    _execute(
        database,
        "INSERT INTO jobs (id, user_id, kind, queue, params)"
        " SELECT :job, id, 'dataset', 'cpu', '{\"name\": \"all\"}' FROM users ORDER BY created_at DESC LIMIT 1",
        job=job,
    )
    began = time.perf_counter()
    Runner(Workplace(settings, database, archive), KINDS).run(job)
    seconds = time.perf_counter() - began
    with database.begin() as session:
        state = session.scalar(text("SELECT state FROM jobs WHERE id = :job"), {"job": job})
    if state != "succeeded":
        raise SystemExit(f"the job {state}")
    return seconds


if __name__ == "__main__":
    main()
