"""The Celery worker. It runs the jobs it is rung for; when idle it looks for jobs whose message was lost."""

import threading
import uuid
from collections.abc import Callable, Mapping, Sequence

import structlog
from celery import signals
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.ecgs.service import Archive
from app.jobs import queries
from app.jobs.doorbell import TASK, Doorbell, celery_app, make_broker_folders
from app.jobs.run import Workplace
from app.jobs.runner import JobKind, Runner
from app.kit.database import Database
from app.kit.store import StoreUnavailable
from app.settings import Settings

log = structlog.get_logger(__name__)

RING_AT_ONCE = 10


def work(
    settings: Settings,
    queue_names: Sequence[str],
    kinds: Mapping[str, JobKind],
    *,
    tidy: Sequence[Callable[[Session], None]] = (),
    sweep: Sequence[Callable[[Workplace], None]] = (),
) -> None:
    """Run the jobs of these queues, one at a time, until SIGTERM; a running job then goes back to its queue.

    `tidy` is called now and then: it puts in order what jobs left that ended without their worker. So is `sweep`: it
    removes files and objects whose time is over.
    """
    make_broker_folders(settings)
    database = Database(settings)
    workplace = Workplace(settings, database, Archive.of(settings))
    runner = Runner(workplace, kinds)
    celery = celery_app(settings)

    @celery.task(name=TASK)  # type: ignore[untyped-decorator]
    def run_job(job_id: str) -> None:
        try:
            runner.run(uuid.UUID(job_id))
        except Exception:  # Celery would log the exception's message, which may quote what is stored
            log.exception("bell_failed", job_id=job_id)

    @signals.setup_logging.connect(weak=False)  # type: ignore[untyped-decorator]
    def keep_logs(**_: object) -> None:
        """Leave the logs as they are set up: Celery sets up none of its own where this is connected."""

    @signals.worker_shutting_down.connect(weak=False)  # type: ignore[untyped-decorator]
    def stop(**_: object) -> None:
        workplace.stopping.set()

    reaper = threading.Thread(
        target=_reap,
        args=(workplace, runner, Doorbell(settings), queue_names),
        kwargs={"tidy": tidy, "sweep": sweep},
        name="reaper",
        daemon=True,
    )
    reaper.start()
    try:
        celery.worker_main(
            [
                "worker",
                "--pool=solo",
                f"--queues={','.join(queue_names)}",
                f"--hostname={'-'.join(queue_names)}-{uuid.uuid4().hex[:8]}@%h",
                "--loglevel=WARNING",
                "--without-gossip",
                "--without-mingle",
                "--without-heartbeat",
            ]
        )
    finally:
        workplace.stopping.set()
        reaper.join()
        database.close()


def _reap(
    workplace: Workplace,
    runner: Runner,
    doorbell: Doorbell,
    queue_names: Sequence[str],
    *,
    tidy: Sequence[Callable[[Session], None]],
    sweep: Sequence[Callable[[Workplace], None]],
) -> None:
    """Ring again for jobs that no worker has. Only an idle worker does this, so messages do not pile up."""
    settings = workplace.settings
    pause_s = 0.0  # a worker that starts looks at once
    while not workplace.stopping.wait(pause_s):
        pause_s = settings.reap_every_s
        try:
            with workplace.database.begin() as session:
                queries.bury(session, settings.job_attempts)
            for put_in_order in tidy:
                with workplace.database.begin() as session:
                    put_in_order(session)
            with workplace.database.begin() as session:
                jobs = [] if runner.busy else queries.waiting(session, queue_names, RING_AT_ONCE)
            doorbell.ring_all(jobs)
            for remove_old in sweep:
                remove_old(workplace)
        except (SQLAlchemyError, StoreUnavailable) as error:
            log.warning("reaper_waits", error=type(error).__name__)
