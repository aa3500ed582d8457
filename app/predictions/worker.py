"""The inference worker: it takes questions from the database, asks its inference process, and writes the answers."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import psycopg
import structlog
from sqlalchemy.orm import Session

from app.discrepancy_models.scoring import Change, ChangeScorer
from app.ecgs import queries as ecgs
from app.ecgs.service import Archive, record_fault
from app.ecgs.tables import Ecg
from app.kit.database import CONNECTING, TRANSIENT, Database, Json
from app.kit.folders import Folders, open_folders
from app.kit.store import ObjectFault, StoreUnavailable
from app.predictions import queries
from app.predictions.child import ChildDied, WarmChild
from app.predictions.tables import Prediction
from app.settings import Settings
from app.trials import queries as trials
from app.trials.tables import Trial
from ml.formats.recording import Recording
from ml.formats.waveform import decode

log = structlog.get_logger(__name__)

ACTOR = "inference worker"
LOOK_S = 1.0  # a question whose notification was lost waits at most this long
ANSWER_WITHIN_S = 60.0
LEASE_S = 6.0  # after a worker is killed, its question is free after this long
WRITE_AGAIN_S = (0.1, 0.2, 0.5, 1.0, 2.0)  # pauses before an answer is written again


@dataclass(frozen=True)
class Asking:
    """The inference process, and where the waveforms and models are that it is asked about."""

    child: WarmChild
    archive: Archive
    folders: Folders
    changes: ChangeScorer | None = None

    def reply(self, asked: Prediction | Trial, recording: Recording) -> Json:
        """Return the process's reply to a question about a recording."""
        with ExitStack() as stack:
            try:
                bundle = stack.enter_context(self.folders.opened("models", asked.model_id))
            except ObjectFault:
                detail = "the model's files are missing, or are not those that were registered"
                return {"error": {"code": "bundle_damaged", "detail": detail}}
            try:
                return self.child.ask(
                    bundle,
                    recording.millivolts(),
                    recording.sampling_rate_hz,
                    phrases=asked.phrases if isinstance(asked, Prediction) else (),
                    timeout_s=ANSWER_WITHIN_S,
                )
            except ChildDied as died:
                log.error("inference_child_died", prediction_id=str(asked.id), why=str(died))
                return {"error": {"code": "child_died", "detail": "the inference process died"}}

    def change(self, asked: Prediction | Trial, ecg: Ecg | None, reply: Json, recording: Recording) -> Change | None:
        """Return what the discrepancy model in use makes of an answer, where there is one of a stored ECG.

        Whatever goes wrong with it costs its own words, never the answer.
        """
        if self.changes is None or ecg is None or reply.get("answer") is None:
            return None
        try:
            return self.changes.change(ecg, asked.model_id, reply["answer"], recording)
        except Exception:
            log.exception("change_not_predicted", prediction_id=str(asked.id))
            return None


def work(settings: Settings, child: WarmChild) -> None:
    """Answer questions with `child`, oldest first, until SIGTERM."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, lambda *_: stopping.set())
    work_until(stopping, settings, child)


def work_until(stopping: threading.Event, settings: Settings, child: WarmChild) -> None:
    """Answer questions, oldest first, until `stopping` is set; while the database is away, wait for it."""
    database = Database(settings)
    archive = Archive.of(settings)
    folders = open_folders(settings, archive.store)
    asking = Asking(child, archive, folders, ChangeScorer(database, folders))
    while not stopping.is_set():
        try:
            _listen(database, asking, settings, stopping)
        except (psycopg.Error, *TRANSIENT) as error:
            log.warning("inference_waits", error=type(error).__name__)
            stopping.wait(LOOK_S)
    database.close()


def _listen(database: Database, asking: Asking, settings: Settings, stopping: threading.Event) -> None:
    url = database.url.replace("postgresql+psycopg://", "postgresql://", 1)
    with psycopg.connect(url, autocommit=True, **CONNECTING) as listening:
        listening.execute(f"LISTEN {queries.CHANNEL}")
        while not stopping.is_set():
            while not stopping.is_set() and _answer_one(database, asking, settings):
                pass
            for _ in listening.notifies(timeout=LOOK_S, stop_after=1):
                pass


def _answer_one(database: Database, asking: Asking, settings: Settings) -> bool:
    """Answer the oldest question. Return False when there is none. No failure of one question ends the worker."""
    with database.begin() as session:
        for kind in (Prediction, Trial):
            queries.bury(session, kind, settings.job_attempts)
        trials.sweep(session)
        asked = queries.claim_oldest(session, Prediction, LEASE_S) or queries.claim_oldest(session, Trial, LEASE_S)
        if asked is None:
            return False
        ecg = ecgs.by_id(session, asked.ecg_id) if isinstance(asked, Prediction) else None
        read = _reader_of(session, asking.archive, asked, ecg)
    with _lease_kept(database, asked):
        change = None
        try:
            recording = read()
            reply = asking.reply(asked, recording)
            change = asking.change(asked, ecg, reply, recording)
        except ObjectFault as fault:
            _write(database, partial(_fail_by_fault, asked=asked, fault=fault))
            return True
        except StoreUnavailable as error:
            reply = {"error": {"code": "store_unavailable", "detail": str(error)}}
        except Exception as error:
            log.exception("prediction_failed", prediction_id=str(asked.id))
            reply = {"error": {"code": "failed", "detail": f"the question could not be put ({type(error).__name__})"}}
        _write(database, lambda session: _end(session, asked, reply, change))
    return True


def _reader_of(
    session: Session, archive: Archive, asked: Prediction | Trial, ecg: Ecg | None
) -> Callable[[], Recording]:
    """Return what reads the recording that is asked about, without the session."""
    if isinstance(asked, Trial):
        return partial(decode, trials.waveform(session, asked.id))
    assert ecg is not None
    return partial(archive.waveform, ecg)


def _end(session: Session, asked: Prediction | Trial, reply: Json, change: Change | None) -> None:
    if reply.get("answer") is not None:
        queries.answer(session, asked, {**reply["answer"], **({"change": change.shown} if change is not None else {})})
        if change is not None:
            change.keep(session)
    else:
        queries.fail(session, asked, reply.get("error") or {"code": "no_answer", "detail": "no answer"})


def _fail_by_fault(session: Session, asked: Prediction | Trial, fault: ObjectFault) -> None:
    queries.fail(session, asked, {"code": fault.code, "detail": str(fault)})
    if isinstance(asked, Prediction):
        record_fault(session, ACTOR, asked.ecg_id, fault)


def _write(database: Database, write: Callable[[Session], None]) -> None:
    """Write in a transaction of its own; repeat it after a failure of the database, so that no answer is lost."""
    for pause_s in WRITE_AGAIN_S:
        try:
            with database.begin() as session:
                return write(session)
        except TRANSIENT as error:
            log.warning("answer_written_again", error=type(error).__name__)
            time.sleep(pause_s)
    with database.begin() as session:
        return write(session)


@contextmanager
def _lease_kept(database: Database, asked: Prediction | Trial) -> Iterator[None]:
    """Extend the lease of a question while the block runs, so that no other worker claims it."""
    over = threading.Event()

    def keep() -> None:
        while not over.wait(LEASE_S / 3):
            try:
                with database.begin() as session:
                    queries.extend(session, asked, LEASE_S)
            except TRANSIENT as error:
                log.warning("lease_not_kept", error=type(error).__name__)

    thread = threading.Thread(target=keep, name="prediction-lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
