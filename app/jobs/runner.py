"""Running one job: claim, step, end."""

import uuid
from collections.abc import Callable, Mapping
from typing import NamedTuple

import structlog

from app.jobs import queries
from app.jobs.paths import without_folders
from app.jobs.queries import LeaseLost
from app.jobs.run import (
    MAY_SUCCEED_LATER,
    Finish,
    JobCancelled,
    JobFailed,
    JobRun,
    WorkerStopping,
    Workplace,
)
from app.kit.database import TRANSIENT
from app.kit.store import StoreUnavailable

log = structlog.get_logger(__name__)

Step = Callable[[JobRun], Finish]
"""The work of one kind of job."""


class JobKind(NamedTuple):
    """A kind of job: the queue whose workers do it, and what they do."""

    queue: str
    step: Step


class Runner:
    """Runs jobs one at a time. A job that another worker has, or that has ended, is ignored."""

    def __init__(self, workplace: Workplace, kinds: Mapping[str, JobKind]) -> None:
        self._workplace = workplace
        self._kinds = kinds
        self.busy = False

    def run(self, job_id: uuid.UUID) -> None:
        """Claim a job, run its step and end it."""
        self.busy = True
        try:
            self._run(job_id)
        finally:
            self.busy = False

    def _run(self, job_id: uuid.UUID) -> None:
        settings = self._workplace.settings
        if self._workplace.stopping.is_set():
            return
        with self._workplace.database.begin() as session:
            queries.bury(session, settings.job_attempts)
            job = queries.claim(session, job_id, settings.lease_s)
        if job is None:
            return
        assert job.lease_token is not None
        log.info("job_claimed", job_id=str(job_id), kind=job.kind, attempt=job.attempts)
        run = JobRun(self._workplace, job_id, job.lease_token, job.params)
        try:
            with run.heartbeat():
                finish = self._step(job.kind)(run)
                run.check()
                run.finish(finish)
            log.info("job_succeeded", job_id=str(job_id))
        except LeaseLost:
            log.warning("lease_lost", job_id=str(job_id))
        except Exception as error:
            try:
                self._end(run, error)
            except TRANSIENT as away:  # the lease will expire, and another worker takes the job
                log.warning("job_left", job_id=str(job_id), error=type(away).__name__)

    def _step(self, kind: str) -> Step:
        if kind not in self._kinds:
            raise JobFailed(f"this release has no jobs of the kind {kind!r}")
        return self._kinds[kind].step

    def _end(self, run: JobRun, error: Exception) -> None:
        try:
            if isinstance(error, JobCancelled):
                run.end(queries.cancelled)
            elif isinstance(error, WorkerStopping):
                run.end(queries.give_back)
            elif isinstance(error, MAY_SUCCEED_LATER):
                attempts = self._workplace.settings.job_attempts
                away = "object store" if isinstance(error, StoreUnavailable) else "database"
                run.end(lambda session, job_id, token: queries.try_again(session, job_id, token, attempts, away=away))
            elif isinstance(error, JobFailed):
                message = without_folders(str(error))
                run.end(lambda session, job_id, token: queries.fail(session, job_id, token, message))
            else:
                log.exception("job_crashed", job_id=str(run.id))
                words = f"internal error ({type(error).__name__}); the worker's log has the details"
                run.end(lambda session, job_id, token: queries.fail(session, job_id, token, words))
        except LeaseLost:
            log.warning("lease_lost", job_id=str(run.id))
        else:
            log.info("job_ended", job_id=str(run.id), why=type(error).__name__)
