"""Erase 100 patients of 10,000 during an import and an activation; then look everywhere, and count again.

    python benchmarks/erase.py --database postgresql://… [--patients 10000] [--erased 100]

Makes and drops a database of its own on that server. Prints how long erasures took, and what was found afterwards.
"""

import argparse
import platform
import random
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, text

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.auth import service as auth
from app.ecgs.patients import PatientHasher
from app.ecgs.service import Archive
from app.erasures import service
from app.erasures.service import Asked
from app.imports.batch import Facts, Line
from app.imports.loader import Loader
from app.jobs import service as jobs
from app.jobs.doorbell import Doorbell
from app.jobs.run import Workplace
from app.jobs.runner import Runner
from app.kit.database import Database
from app.kit.problems import Problem
from app.migrate import migrate
from app.settings import Settings
from app.steps import KINDS
from app.vocabularies import service as vocabularies
from ml.labeling import builtin, builtin_text
from ml.labeling.elsewhere import answer
from tests.app.erasures.everything import check_counts, places_of

NEW = builtin_text().replace(f"version: {builtin().version}", "version: site-2", 1)


def main() -> None:
    """Load half of the patients; then import all, activate and erase at once."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--database", required=True)
    parser.add_argument("--patients", type=int, default=10_000)
    parser.add_argument("--erased", type=int, default=100)
    arguments = parser.parse_args()
    with made(arguments.database) as settings:
        run(settings, arguments.patients, arguments.erased)


def run(settings: Settings, patients: int, erased: int) -> None:
    """Print the measurement."""
    database, archive = Database(settings), Archive.of(settings)
    migrate(database)
    hasher = archive.hash_patient
    lines = [line for number in range(patients) for line in lines_of(hasher, number)]
    with Loader(database, settings) as loader:
        loader.load(lines[: len(lines) // 2])
    with database.begin() as session:
        user = auth.create_user(session, "benchmark", "r", "admin")
        vocabularies.upload(session, "benchmark", NEW, answer({"vocabulary": NEW}))
        job = jobs.create(session, Doorbell(settings), user, "relabel", params={"version": "site-2", "actor": "r"}).id
    chosen = random.Random(1).sample(range(patients), erased)
    took: list[float] = []
    ended: dict[str, float] = {}
    began = time.perf_counter()

    def load() -> None:
        with Loader(database, settings, lines=2_000) as loader:
            loader.load([*lines[len(lines) // 2 :], *lines[: len(lines) // 2]])

    def activate() -> None:
        Runner(Workplace(settings, database, archive), KINDS).run(job)

    def erase() -> None:
        left = list(chosen)
        while left:
            number = left.pop(0)
            start = time.perf_counter()
            try:
                with database.begin() as session:
                    service.erase(session, hasher, "benchmark", Asked(patient_hash=hasher(f"patient {number}")))
            except Problem:  # not imported yet
                left.append(number)
                time.sleep(0.02)
            else:
                took.append(time.perf_counter() - start)

    def noting(name: str, work: Callable[[], None]) -> Callable[[], None]:
        def timed() -> None:
            work()
            ended[name] = time.perf_counter() - began

        return timed

    threads = [threading.Thread(target=noting(work.__name__, work)) for work in (load, activate, erase)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Loader(database, settings) as loader:
        again = loader.load(lines)
    check_counts(database)
    needles = [each for number in chosen for each in (words_of(number), record_of(number))]
    hashes = [hasher(f"patient {number}").hex() for number in chosen]
    found = places_of(database, settings, *needles, *hashes)
    print(f"{platform.machine()}, Python {platform.python_version()}; {patients:,} patients, {len(took)} erased")
    print("ended after, s:", {name: round(seconds, 1) for name, seconds in ended.items()})
    print(f"an erasure: median {statistics.median(took) * 1000:.0f} ms, longest {max(took):.2f} s")
    print(f"the file again: {again.ecgs} new ECGs, {again.reports} new reports, {again.erased} lines left out")
    print(f"counts equal a recount; found of what was erased: {len(found)} {found[:5]}")
    database.close()


def lines_of(hasher: PatientHasher, number: int) -> Iterator[Line]:
    """Yield a machine report, and an over-read with words of its own."""
    facts = Facts(patient_hash=hasher(f"patient {number}").hex(), site="north")
    for source, words in (("machine", "Sinus rhythm"), ("overread", f"Atrial fibrillation, {words_of(number)}")):
        yield Line(record_of(number), facts, source, "", words, None, None, False)


def words_of(number: int) -> str:
    """Return a word that no other patient's report has."""
    return f"planted{number:06d}x"


def record_of(number: int) -> str:
    """Return a patient's record."""
    return f"record{number:06d}x"


@contextmanager
def made(server: str) -> Iterator[Settings]:
    """Yield settings on a database and a folder that are gone afterwards."""
    name = f"erase_{uuid.uuid4().hex[:12]}"
    url = server.rsplit("/", 1)[0]
    engine = create_engine(server.replace("postgresql://", "postgresql+psycopg://", 1), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        with tempfile.TemporaryDirectory() as folder:
            yield Settings(data_dir=Path(folder), database_url=f"{url}/{name}", _env_file=None)
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        engine.dispose()


if __name__ == "__main__":
    main()
