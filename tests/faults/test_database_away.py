"""The database ends its connections, as it does when it restarts: jobs go on, and end once."""

import threading
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.auth.tables import User
from app.ecgs.service import Archive
from app.jobs import queries
from app.jobs.run import Finish, JobRun, Workplace
from app.jobs.runner import JobKind, Runner
from app.kit.database import Database
from app.settings import Settings
from tests.faults import test_jobs as jobs
from tests.faults import test_relabel as activations

pytestmark = pytest.mark.faults

user = jobs.user
start = jobs.start
pairs = activations.pairs
start_slow_readers = activations.start


def end_connections(database: Database) -> None:
    """End every connection to the test's database but the one that says so."""
    with database.begin() as session:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        session.execute(text(f"{others} AND pid <> pg_backend_pid()"))


def test_a_job_goes_on_whose_connections_end_again_and_again(
    database: Database, settings: Settings, user: User, start: Callable[[], jobs.Worker], tmp_path: Path
) -> None:
    start()
    job_id = jobs.submit(database, settings, user, tmp_path, seconds=3)
    jobs.until(lambda: jobs.runs(tmp_path) == ["started"])
    ended = threading.Event()

    def interrupt() -> None:
        while not ended.wait(0.3):
            end_connections(database)

    thread = threading.Thread(target=interrupt)
    thread.start()
    jobs.until(lambda: jobs.runs(tmp_path) == ["started", "finished"])
    ended.set()
    thread.join()
    jobs.until(lambda: jobs.job(database, job_id).finished_at is not None)
    assert (jobs.job(database, job_id).state, jobs.job(database, job_id).attempts) == ("succeeded", 1)
    assert jobs.runs(tmp_path)[:2] == ["started", "finished"]


@pytest.mark.usefixtures("pairs")
def test_an_activation_goes_on_whose_connections_end(
    database: Database, settings: Settings, user: User, start_slow_readers: Callable[[], jobs.Worker]
) -> None:
    start_slow_readers()
    job_id = activations.submit(database, settings, user)
    activations.until(lambda: activations.read(database) >= 5)
    end_connections(database)
    activations.until(lambda: jobs.job(database, job_id).finished_at is not None)
    assert jobs.job(database, job_id).state == "succeeded", jobs.job(database, job_id).error
    assert activations.states(database)["site-2"] == "active"


def test_a_step_that_meets_a_database_away_is_tried_again_and_not_for_ever(
    database: Database, settings: Settings, user: User, tmp_path: Path
) -> None:
    away = 0

    def step(run: JobRun) -> Finish:
        nonlocal away
        if away:
            away -= 1
            raise OperationalError("SELECT 1", {}, Exception("terminating connection due to administrator command"))
        return lambda session: {"done": True}

    archive = Archive.of(settings)
    runner = Runner(Workplace(settings, database, archive), {"dataset": JobKind("cpu", step)})

    def states(job_id: uuid.UUID, runs: int) -> list[str]:
        found = []
        for _ in range(runs):
            runner.run(job_id)
            found.append(jobs.job(database, job_id).state)
        return found

    away = 2
    job_id = jobs.submit(database, settings, user, tmp_path, 0, ring=False)
    assert states(job_id, 3) == ["queued", "queued", "succeeded"]
    away = settings.job_attempts
    job_id = jobs.submit(database, settings, user, tmp_path, 0, ring=False)
    assert states(job_id, settings.job_attempts + 1)[-2:] == ["failed", "failed"]
    assert "database went away" in (jobs.job(database, job_id).error or "")


def test_the_end_of_a_job_is_written_again_when_the_database_was_away(
    database: Database, settings: Settings, user: User, tmp_path: Path
) -> None:
    job_id = jobs.submit(database, settings, user, tmp_path, seconds=0, ring=False)
    with database.begin() as session:
        claimed = queries.claim(session, job_id, lease_s=60)
        assert claimed is not None and claimed.lease_token is not None
    archive = Archive.of(settings)
    run = JobRun(Workplace(settings, database, archive), job_id, claimed.lease_token, {})
    tried = []

    def end(session: Session, job_id: uuid.UUID, token: uuid.UUID) -> None:
        tried.append(job_id)
        if len(tried) == 1:
            session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        queries.try_again(session, job_id, token, 3)

    run.end(end)
    assert len(tried) == 2 and jobs.job(database, job_id).state == "queued"
