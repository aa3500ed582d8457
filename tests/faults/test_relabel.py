"""An activation ends once, whatever is killed; one that nobody will finish leaves everything as it was."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from app.auth import service as auth
from app.auth.tables import User
from app.jobs import queries
from app.jobs import service as jobs
from app.jobs.doorbell import Doorbell
from app.jobs.tables import Job
from app.kit.database import Database
from app.reports import service as reports
from app.reports.schemas import ReportIn
from app.settings import Settings
from app.vocabularies import queries as vocabularies
from app.vocabularies import service
from app.vocabularies.service import Labelers
from ml.labeling import builtin, builtin_text
from ml.labeling.elsewhere import answer

pytestmark = pytest.mark.faults
WITHIN_S = 90
PAIRS = 60
NEWEST = builtin().version
NEW = (
    builtin_text()
    .replace(f"version: {NEWEST}", "version: site-2")
    .replace("        - nsr\n", "        - nsr\n        - wobbly rhythm\n", 1)
)

Worker = subprocess.Popen[bytes]


@pytest.fixture
def user(database: Database) -> User:
    with database.begin() as session:
        return auth.create_user(session, "test", "r", "admin")


@pytest.fixture
def start(settings: Settings) -> Iterator[Callable[[], Worker]]:
    """Start workers that read slowly, a text at a time, as processes."""
    started: list[Worker] = []

    def start() -> Worker:
        environment = {
            **os.environ,
            "OVERREAD_DATABASE_URL": settings.database_url or "",
            "OVERREAD_DATA_DIR": str(settings.data_dir),
            "OVERREAD_LEASE_S": "2",
            "OVERREAD_REAP_EVERY_S": "0.3",
            "OVERREAD_JOB_ATTEMPTS": "2",
            "OVERREAD_LABELING_PROCESSES": "2",
        }
        script = Path(__file__).with_name("relabel_worker.py")
        started.append(subprocess.Popen([sys.executable, str(script)], env=environment))
        return started[-1]

    yield start
    for worker in started:
        if worker.poll() is None:
            worker.kill()
        worker.wait()


@pytest.fixture
def pairs(database: Database) -> None:
    """Pairs of which every over-read is its own text."""
    labelers = Labelers()
    for number in range(PAIRS):
        ecg_id = uuid.uuid4()
        with database.begin() as session:
            session.execute(
                text("INSERT INTO ecgs (id, waveform_sha256, samples, sampling_rate_hz) VALUES (:id, :sha, 5000, 500)"),
                {"id": ecg_id, "sha": ecg_id.hex * 2},
            )
            rules = labelers.maintained(session)
            for source, words in (("machine", "AF"), ("overread", f"Wobbly rhythm, rate {number}")):
                reports.add(session, "test", rules, ecg_id, given=ReportIn(source=source, text=words))
        assert count(database, "SELECT count(*) FROM pairs") == number + 1
    with database.begin() as session:
        service.upload(session, "test", NEW, answer({"vocabulary": NEW}))


def submit(database: Database, settings: Settings, user: User) -> uuid.UUID:
    with database.begin() as session:
        params = {"version": "site-2", "actor": user.name}
        return jobs.create(session, Doorbell(settings), user, "relabel", params=params).id


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def job(database: Database, job_id: uuid.UUID) -> Job:
    with database.begin() as session:
        found = queries.by_id(session, job_id)
        assert found is not None
        return found


def count(database: Database, statement: str) -> int:
    with database.begin() as session:
        return int(session.execute(text(statement)).scalar_one())


def read(database: Database) -> int:
    return count(
        database,
        "SELECT count(*) FROM labelings JOIN vocabularies v ON v.id = vocabulary_id WHERE version = 'site-2'",
    )


def states(database: Database) -> dict[str, str]:
    with database.begin() as session:
        states = {row.version: row.state for row in vocabularies.all_newest_first(session)}
    return {version: states[version] for version in (NEWEST, "site-2")}


def readers_of(worker: Worker) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(worker.pid)], capture_output=True, text=True, check=False)
    return [int(pid) for pid in found.stdout.split() if int(pid) != worker.pid and is_reader(int(pid))]


def is_reader(pid: int) -> bool:
    try:
        return b"ml.labeling.batch" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


@pytest.mark.usefixtures("pairs")
def test_a_killed_activation_goes_on_with_what_is_unread_and_ends_once(
    database: Database, settings: Settings, user: User, start: Callable[[], Worker]
) -> None:
    first = start()
    job_id = submit(database, settings, user)
    until(lambda: read(database) >= 5)
    readers = readers_of(first)
    assert len(readers) == 2
    first.send_signal(signal.SIGKILL)
    first.wait()
    until(lambda: not any(map(is_reader, readers)))  # they end with their parent
    done = read(database)
    assert 5 <= done < PAIRS and states(database) == {NEWEST: "active", "site-2": "activating"}
    start()
    until(lambda: job(database, job_id).finished_at is not None)
    ended = job(database, job_id)
    assert (ended.state, ended.attempts) == ("succeeded", 2), ended.error
    assert ended.result is not None and ended.result["texts_read"] == PAIRS + 1 - done
    assert states(database) == {NEWEST: "inactive", "site-2": "active"}
    # Under the new vocabulary every over-read says sinus rhythm, label 0, and every machine report does not.
    of_active = (
        "SELECT count(*) FROM pairs JOIN vocabularies v ON v.slot = pairs.slot JOIN cells c ON c.id = cell_id "
        "WHERE v.state = 'active' AND c.overread_present & 1 = 1 AND c.machine_present & 1 = 0"
    )
    assert count(database, of_active) == PAIRS
    assert count(database, "SELECT count(*) FROM audit_log WHERE action = 'activate'") == 1


@pytest.mark.usefixtures("pairs")
def test_an_activation_cancelled_while_nobody_works_on_it_is_given_up(
    database: Database, settings: Settings, user: User, start: Callable[[], Worker]
) -> None:
    first = start()
    job_id = submit(database, settings, user)
    until(lambda: read(database) >= 5)
    first.send_signal(signal.SIGKILL)
    first.wait()
    with database.begin() as session:
        queries.request_cancel(session, job_id)
    start()
    until(lambda: job(database, job_id).state == "cancelled")
    until(lambda: states(database) == {NEWEST: "active", "site-2": "inactive"})
