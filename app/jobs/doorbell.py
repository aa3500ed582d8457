"""Celery as a doorbell: a message carries a job's id alone. A message that is lost or comes twice does no harm."""

import uuid
from collections.abc import Sequence
from typing import Annotated

import structlog
from celery import Celery
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.kit.state import from_app
from app.settings import Settings

TASK = "overread.run_job"

log = structlog.get_logger(__name__)


def celery_app(settings: Settings) -> Celery:
    """Return a configured Celery: on Redis where one is set, else on a folder in the data folder."""
    app = Celery("overread", set_as_current=False)
    app.conf.update(
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        task_acks_late=False,  # the job row's lease, not the message, is what survives a killed worker
        task_default_queue="cpu",
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=2,
        broker_url=settings.broker_url or "filesystem://",
        broker_transport_options=_transport_options(settings),
    )
    return app


def _transport_options(settings: Settings) -> dict[str, object]:
    if settings.broker_url is not None:
        return {"socket_connect_timeout": 2, "socket_timeout": 30}
    return {
        "data_folder_in": str(settings.broker_dir / "messages"),
        "data_folder_out": str(settings.broker_dir / "messages"),
        "control_folder": str(settings.broker_dir / "control"),
        "processed_folder": str(settings.broker_dir / "processed"),
        "polling_interval": 0.2,
    }


def make_broker_folders(settings: Settings) -> None:
    """Make the folders of the file broker where they are missing."""
    if settings.broker_url is None:
        for name in ("messages", "control", "processed"):
            (settings.broker_dir / name).mkdir(parents=True, exist_ok=True)


class Doorbell:
    """Rings for jobs. A failure to ring is logged and not raised: idle workers look for jobs by themselves."""

    def __init__(self, settings: Settings, app: Celery | None = None) -> None:
        self._settings = settings
        self._app = app or celery_app(settings)

    def ring(self, job_id: uuid.UUID, queue: str) -> None:
        """Send one message for a job to the workers of its queue."""
        try:
            make_broker_folders(self._settings)
            self._app.send_task(TASK, args=[str(job_id)], queue=queue, retry=False)
        except Exception as error:
            log.warning("doorbell_silent", job_id=str(job_id), error=type(error).__name__)

    def ring_after_commit(self, session: Session, job_id: uuid.UUID, queue: str) -> None:
        """Ring once the session's transaction has committed; not if it is rolled back."""

        def ring(_: Session) -> None:
            self.ring(job_id, queue)

        event.listen(session, "after_commit", ring, once=True)

    def ring_all(self, jobs: Sequence[tuple[uuid.UUID, str]]) -> None:
        """Ring for several jobs."""
        for job_id, queue in jobs:
            self.ring(job_id, queue)


DoorbellDep = Annotated[Doorbell, from_app("doorbell")]
