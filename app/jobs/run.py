"""A running job: its lease, its heartbeat, and what its step may report."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from sqlalchemy.orm import Session

from app.ecgs.service import Archive
from app.jobs import queries
from app.jobs.queries import LeaseLost
from app.kit import audit
from app.kit.database import TRANSIENT, Database, Json, Result
from app.kit.explained import Explained
from app.kit.folders import Folders, Kind, open_folders
from app.kit.store import ObjectFault, StoreUnavailable
from app.settings import Settings

log = structlog.get_logger(__name__)

WORKER = "worker"
"""The actor of what a job made, in the audit log; who asked for the job is in the entry of its creation."""

FIRST_PAUSE_S = 0.2  # before a transaction is repeated
LONGEST_PAUSE_S = 2.0
END_AGAIN_S = (0.2, 0.5, 1.0, 2.0, 3.0, 4.0)  # pauses before the end of a job is written again

MAY_SUCCEED_LATER = (*TRANSIENT, StoreUnavailable)
"""Errors of a database or an object store that is away."""

Finish = Callable[[Session], Json]
"""What a step returns: a function that returns the job's result, called in the transaction that ends the job."""


class JobFailed(Explained):
    """The work cannot be done; the message is for the user."""


class JobCancelled(Exception):
    """Somebody has asked to cancel the job."""


class WorkerStopping(Exception):
    """This worker is shutting down; the job goes back to the queue."""


@dataclass(frozen=True)
class Workplace:
    """What a worker gives to each of its jobs."""

    settings: Settings
    database: Database
    archive: Archive
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def folders(self) -> Folders:
        """The stored folders."""
        return open_folders(self.settings, self.archive.store)


class JobRun:
    """A claimed job. Every write checks the lease; after the lease is lost nothing more is written."""

    def __init__(self, workplace: Workplace, job_id: uuid.UUID, token: uuid.UUID, params: Json) -> None:
        self.id = job_id
        self.params = params
        self.settings = workplace.settings
        self.database = workplace.database
        self.archive = workplace.archive
        self.folders = workplace.folders
        self._token = token
        self._stopping = workplace.stopping
        self._cancelled = threading.Event()
        self._lost = threading.Event()
        self._ended = threading.Event()

    def check(self) -> None:
        """Raise when the work must stop: lease lost, cancelled, or the worker shutting down."""
        if self._lost.is_set():
            raise LeaseLost(str(self.id))
        if self._cancelled.is_set():
            raise JobCancelled
        if self._stopping.is_set():
            raise WorkerStopping

    def progress(self, fraction: float, message: str) -> None:
        """Report how far the work is (0 to 1), with a message."""
        self.check()
        fraction = min(max(fraction, 0.0), 1.0)
        payload = {"fraction": fraction, "message": message}
        self.transaction(
            lambda session: queries.report(
                session, self.id, self._token, "progress", payload=payload, progress=fraction, message=message
            )
        )

    def event(self, kind: str, payload: Json) -> None:
        """Write another event, such as the metrics of an epoch."""
        self.check()
        self.transaction(lambda session: queries.report(session, self.id, self._token, kind, payload=payload))

    def transaction(self, work: Callable[[Session], Result]) -> Result:
        """Return what `work` returns, called in a transaction of its own.

        After a failure of the database (a restart, a dropped connection) `work` is called again, until as much time
        has passed as a lease lasts. So `work` must have no effects but those of its transaction.
        """

        def in_transaction() -> Result:
            with self.database.begin() as session:
                return work(session)

        return self._repeated(in_transaction)

    @contextmanager
    def opened(self, kind: Kind, folder_id: uuid.UUID) -> Iterator[Path]:
        """Yield the path of a stored folder. Raises `JobFailed` where its files are gone or damaged."""
        with ExitStack() as stack:
            try:
                path = self._repeated(lambda: stack.enter_context(self.folders.opened(kind, folder_id)))
            except ObjectFault as fault:
                raise JobFailed(f"{kind} {folder_id}: its files are missing or damaged") from fault
            yield path

    def keep(self, kind: Kind, folder_id: uuid.UUID, names: Sequence[str] | None = None) -> None:
        """Let every machine open a folder that this job made, see `Folders.keep`."""
        self._repeated(lambda: self.folders.keep(kind, folder_id, names=names))

    def _repeated(self, call: Callable[[], Result]) -> Result:
        """Return what `call` returns; while database or object store are away, call it again, for a lease's time."""
        deadline = time.monotonic() + self.settings.lease_s
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                return call()
            except MAY_SUCCEED_LATER as error:
                if time.monotonic() > deadline:
                    raise
                log.warning("call_repeated", job_id=str(self.id), error=type(error).__name__)
            self._stopping.wait(pause_s)
            self.check()
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def finish(self, finish: Finish) -> None:
        """End the job: what `finish` writes is committed together with the job's end."""

        def end(session: Session) -> None:
            queries.lock_lease(session, self.id, self._token)
            result = finish(session)
            queries.succeed(session, self.id, self._token, result)
            made = {name: value for name, value in result.items() if name.endswith("_id")}  # a dataset, a model
            audit.record(
                session,
                WORKER,
                "finish",
                "job",
                resource_id=self.id,
                before={"state": "running"},
                after={"state": "succeeded", **made},
            )

        self.transaction(end)

    def hold(self, session: Session) -> None:
        """Lock the lease until the session's transaction ends. Raises `LeaseLost` when another worker has it."""
        queries.lock_lease(session, self.id, self._token)

    def end(self, write: Callable[[Session, uuid.UUID, uuid.UUID], None]) -> None:
        """End the job without a result; after a failure of the database, try again for some seconds.

        Otherwise the job would wait until its lease has expired, when the database has long been back.
        """
        for pause_s in END_AGAIN_S:
            try:
                with self.database.begin() as session:
                    return write(session, self.id, self._token)
            except TRANSIENT as error:
                log.warning("end_written_again", job_id=str(self.id), error=type(error).__name__)
                time.sleep(pause_s)
        with self.database.begin() as session:
            return write(session, self.id, self._token)

    @contextmanager
    def heartbeat(self) -> Iterator[None]:
        """Extend the lease again and again while the block runs."""
        thread = threading.Thread(target=self._beat, name=f"heartbeat-{self.id}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def _beat(self) -> None:
        lease_s = self.settings.lease_s
        interval = min(lease_s / 3, 2.0)  # a cancel is noticed at a heartbeat, so within two seconds
        held_until = time.monotonic() + lease_s
        while not self._ended.wait(interval):
            asked_at = time.monotonic()
            try:
                with self.database.begin() as session:
                    if queries.extend(session, self.id, self._token, lease_s):
                        self._cancelled.set()
                held_until = asked_at + lease_s
            except LeaseLost:
                self._lost.set()
                return
            except TRANSIENT as error:  # the lease may last longer than the database is away
                log.warning("heartbeat_missed", job_id=str(self.id), error=type(error).__name__)
                if time.monotonic() > held_until:
                    self._lost.set()
                    return
