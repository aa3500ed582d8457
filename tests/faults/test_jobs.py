"""A job that got its 202 ends exactly once, whatever is killed, lost or doubled."""

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.auth import service as auth
from app.auth.tables import User
from app.jobs import queries
from app.jobs import service as jobs
from app.jobs.doorbell import Doorbell
from app.jobs.queries import LeaseLost
from app.jobs.tables import Job
from app.kit.database import Database
from app.settings import Settings

pytestmark = pytest.mark.faults
WITHIN_S = 60

Worker = subprocess.Popen[bytes]


@pytest.fixture
def user(database: Database) -> User:
    with database.begin() as session:
        return auth.create_user(session, "test", "r", "researcher")


@pytest.fixture
def start(settings: Settings) -> Iterator[Callable[[], Worker]]:
    """Start workers as processes."""
    started: list[Worker] = []

    def start() -> Worker:
        environment = {
            **os.environ,
            "OVERREAD_DATABASE_URL": settings.database_url or "",
            "OVERREAD_DATA_DIR": str(settings.data_dir),
            "OVERREAD_BROKER_URL": settings.broker_url or "",
            "OVERREAD_LEASE_S": "2",
            "OVERREAD_REAP_EVERY_S": "0.3",
        }
        started.append(subprocess.Popen([sys.executable, str(Path(__file__).with_name("worker.py"))], env=environment))
        return started[-1]

    yield start
    for worker in started:
        if worker.poll() is None:
            worker.kill()
        worker.wait()


def submit(
    database: Database, settings: Settings, user: User, folder: Path, seconds: float, ring: bool = True
) -> uuid.UUID:
    with database.begin() as session:
        bell = Doorbell(settings)
        params = {"folder": str(folder), "seconds": seconds}
        job = jobs.create(session, bell, user, "dataset", params=params)
    if ring:
        bell.ring(job.id, "cpu")
    return job.id


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


def runs(folder: Path) -> list[str]:
    path = folder / "runs"
    return path.read_text().split() if path.exists() else []


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_a_killed_workers_job_is_done_once_by_another(
    database: Database, settings: Settings, user: User, start: Callable[[], Worker], tmp_path: Path
) -> None:
    first = start()
    job_id = submit(database, settings, user, tmp_path, seconds=2)
    until(lambda: runs(tmp_path) == ["started"])
    first.send_signal(signal.SIGKILL)
    first.wait()
    start()
    until(lambda: job(database, job_id).finished_at is not None)
    ended = job(database, job_id)
    assert (ended.state, ended.attempts, runs(tmp_path)) == ("succeeded", 2, ["started", "started", "finished"])


def test_a_wiped_broker_loses_no_job(
    database: Database, settings: Settings, user: User, start: Callable[[], Worker], tmp_path: Path
) -> None:
    job_id = submit(database, settings, user, tmp_path, seconds=0)
    shutil.rmtree(settings.broker_dir)
    start()
    until(lambda: job(database, job_id).state == "succeeded")
    assert runs(tmp_path) == ["started", "finished"]


def test_a_message_delivered_thrice_is_one_run(
    database: Database, settings: Settings, user: User, start: Callable[[], Worker], tmp_path: Path
) -> None:
    job_id = submit(database, settings, user, tmp_path, seconds=0.5)
    for _ in range(2):
        Doorbell(settings).ring(job_id, "cpu")
    start()
    start()
    until(lambda: job(database, job_id).state == "succeeded")
    time.sleep(1)
    assert (job(database, job_id).attempts, runs(tmp_path)) == (1, ["started", "finished"])


def test_cancel_ends_the_child_and_its_children(
    database: Database, settings: Settings, user: User, start: Callable[[], Worker], tmp_path: Path
) -> None:
    start()
    job_id = submit(database, settings, user, tmp_path, seconds=60)
    until(lambda: runs(tmp_path) == ["started"])
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 2 and all(is_alive(pid) for pid in pids)
    with database.begin() as session:
        queries.request_cancel(session, job_id)
    until(lambda: job(database, job_id).state == "cancelled")
    until(lambda: not any(is_alive(pid) for pid in pids))


def test_a_stopping_worker_gives_its_job_back(
    database: Database, settings: Settings, user: User, start: Callable[[], Worker], tmp_path: Path
) -> None:
    worker = start()
    job_id = submit(database, settings, user, tmp_path, seconds=60)
    until(lambda: runs(tmp_path) == ["started"])
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0
    given_back = job(database, job_id)
    assert (given_back.state, given_back.attempts) == ("queued", 0)


def test_who_lost_the_lease_writes_nothing(database: Database, settings: Settings, user: User, tmp_path: Path) -> None:
    job_id = submit(database, settings, user, tmp_path, seconds=0, ring=False)
    with database.begin() as session:
        first = queries.claim(session, job_id, lease_s=-1)
        assert first is not None and first.lease_token is not None
        stale = first.lease_token
    with database.begin() as session:
        second = queries.claim(session, job_id, lease_s=60)
        assert second is not None and second.lease_token != stale
    with pytest.raises(LeaseLost), database.begin() as session:
        queries.succeed(session, job_id, stale, {"done": "by the dead"})
    with database.begin() as session:
        assert queries.claim(session, job_id, lease_s=60) is None
    assert job(database, job_id).state == "running"


def test_a_job_that_kills_its_workers_fails_in_the_end(
    database: Database, settings: Settings, user: User, tmp_path: Path
) -> None:
    job_id = submit(database, settings, user, tmp_path, seconds=0, ring=False)
    for _ in range(3):
        with database.begin() as session:
            queries.bury(session, max_attempts=3)
            assert queries.claim(session, job_id, lease_s=-1) is not None
    with database.begin() as session:
        queries.bury(session, max_attempts=3)
    ended = job(database, job_id)
    assert ended.state == "failed" and "3 workers died" in (ended.error or "")
