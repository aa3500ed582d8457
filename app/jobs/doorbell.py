"""Celery as a doorbell: a message carries a job's id and nothing else; losing or doubling it changes nothing."""

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
    """Configure Celery: Redis where one is given, else a folder below the data folder."""
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
    """Make the file broker's folders; harmless when they are there, needed again when somebody wiped them."""
    if settings.broker_url is None:
        for name in ("messages", "control", "processed"):
            (settings.broker_dir / name).mkdir(parents=True, exist_ok=True)


class Doorbell:
    """Rings for jobs. A bell that does not ring is logged and no error: an idle worker looks by itself."""

    def __init__(self, settings: Settings, app: Celery | None = None) -> None:
        self._settings = settings
        self._app = app or celery_app(settings)

    def ring(self, job_id: uuid.UUID, queue: str) -> None:
        """Ring once."""
        try:
            make_broker_folders(self._settings)
            self._app.send_task(TASK, args=[str(job_id)], queue=queue, retry=False)
        except Exception as error:
            log.warning("doorbell_silent", job_id=str(job_id), error=type(error).__name__)

    def ring_after_commit(self, session: Session, job_id: uuid.UUID, queue: str) -> None:
        """Ring when, and only when, the session's transaction has committed."""

        def ring(_: Session) -> None:
            self.ring(job_id, queue)

        event.listen(session, "after_commit", ring, once=True)

    def ring_all(self, jobs: Sequence[tuple[uuid.UUID, str]]) -> None:
        """Ring for several."""
        for job_id, queue in jobs:
            self.ring(job_id, queue)


DoorbellDep = Annotated[Doorbell, from_app("doorbell")]
