"""The inference worker: it takes questions from the database, asks its inference process, and writes the answers.

Questions that wait are taken together, up to `MOST_AT_ONCE`, and answered together.
"""

import signal
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Self

import psycopg
import structlog
from sqlalchemy.orm import Session

from app.discrepancy_models.scoring import Change, ChangeScorer
from app.ecgs import queries as ecgs
from app.ecgs.service import Archive, record_fault
from app.ecgs.tables import Ecg
from app.kit.database import CONNECTING, TRANSIENT, Database
from app.kit.folders import open_folders
from app.kit.store import ObjectFault, StoreUnavailable
from app.models import queries as models
from app.predictions import queries
from app.predictions.child import Reply, WarmChild
from app.predictions.leases import LEASE_S, Leases, Sometimes
from app.predictions.slot import AskedAbout, Put, Replies, Slot
from app.predictions.tables import Prediction
from app.settings import Settings
from app.trials import queries as trials
from app.trials.tables import Trial
from ml.formats.recording import Recording
from ml.formats.waveform import decode

log = structlog.get_logger(__name__)

ACTOR = "inference worker"
MOST_AT_ONCE = 16
LOOK_S = 1.0  # a question whose notification was lost waits at most this long
WRITE_AGAIN_S = (0.1, 0.2, 0.5, 1.0, 2.0)  # pauses before an answer is written again


@dataclass(frozen=True)
class Desk:
    """What a worker answers questions with."""

    database: Database
    archive: Archive
    slot: Slot
    attempts: int
    changes: ChangeScorer
    scoring: threading.Lock  # a model that was just loaded is asked by a thread of its own
    leases: Leases
    tidied: Sometimes

    @classmethod
    def of(cls, settings: Settings, database: Database, child: WarmChild) -> Self:
        """Return the desk of a worker of this deployment."""
        archive = Archive.of(settings)
        folders = open_folders(settings, archive.store)
        return cls(
            database=database,
            archive=archive,
            slot=Slot(child, folders),
            attempts=settings.job_attempts,
            changes=ChangeScorer(database, folders),
            scoring=threading.Lock(),
            leases=Leases(database),
            tidied=Sometimes(LEASE_S),
        )


def work(settings: Settings, child: WarmChild) -> None:
    """Answer questions with `child`, oldest first, until SIGTERM."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, lambda *_: stopping.set())
    work_until(stopping, settings, child)


def work_until(stopping: threading.Event, settings: Settings, child: WarmChild) -> None:
    """Answer questions, oldest first, until `stopping` is set; while the database is away, wait for it."""
    database = Database(settings)
    desk = Desk.of(settings, database, child)
    while not stopping.is_set():
        try:
            _listen(desk, stopping)
        except (psycopg.Error, *TRANSIENT) as error:
            log.warning("inference_waits", error=type(error).__name__)
            stopping.wait(LOOK_S)
    desk.slot.close()
    desk.leases.close()
    database.close()


def _listen(desk: Desk, stopping: threading.Event) -> None:
    url = desk.database.url.replace("postgresql+psycopg://", "postgresql://", 1)
    with psycopg.connect(url, autocommit=True, **CONNECTING) as listening:
        listening.execute(f"LISTEN {queries.CHANNEL}")
        _warm(desk)
        while not stopping.is_set():
            if answer_some(desk) < MOST_AT_ONCE:  # then there were no more, and each that came since was announced
                for announced in listening.notifies(timeout=LOOK_S, stop_after=1):
                    if announced.payload:
                        desk.slot.load(uuid.UUID(announced.payload), partial(_loaded, desk.database))


def _warm(desk: Desk) -> None:
    """Load the model that answers, unless others are loaded already: another worker may answer meanwhile."""
    with desk.database.begin() as session:
        model = models.answering(session)
    if model is not None:
        desk.slot.warm(model.id)


def answer_some(desk: Desk) -> int:
    """Answer the oldest questions; return how many there were. No failure of one question ends the worker."""
    with desk.database.begin() as session:
        asked = _claimed(session, desk)
        if not asked:
            return 0
        ecgs = _ecgs_of(session, asked)
        readers = [(each, ecg, _reader_of(session, desk.archive, each, ecg)) for each, ecg in ecgs]
        desk.changes.note(session, {each.model_id for each in asked})
    with desk.leases.held(asked):
        put = [
            Put(each, recording, ecg)
            for each, ecg, read in readers
            if (recording := _read(desk, each, read)) is not None
        ]
        known = [each for each in put if desk.slot.can_ask(each.asked.model_id)]
        if others := [each for each in put if each not in known]:
            first = [each for each in others if each.asked.model_id == others[0].asked.model_id]
            _give_back(desk.database, [each.asked for each in others if each not in first])
            over = ExitStack()
            over.callback(_loaded, desk.database)
            over.enter_context(desk.leases.held([each.asked for each in first]))
            desk.slot.load_and_ask(first, partial(_end, desk), over.close)
        if known:
            desk.slot.ask(known, partial(_end, desk))
    return len(asked)


def _claimed(session: Session, desk: Desk) -> list[AskedAbout]:
    if desk.tidied.due():
        for kind in (Prediction, Trial):
            queries.bury(session, kind, desk.attempts)
        trials.sweep(session)
    claim = partial(queries.claim, session, models=desk.slot.known(), max_attempts=desk.attempts)
    asked: list[AskedAbout] = [*claim(Prediction, LEASE_S, MOST_AT_ONCE)]
    if len(asked) < MOST_AT_ONCE:
        asked += claim(Trial, LEASE_S, MOST_AT_ONCE - len(asked))
    return asked


def _ecgs_of(session: Session, asked: Sequence[AskedAbout]) -> list[tuple[AskedAbout, Ecg | None]]:
    """Return each question with its ECG; a trial has none."""
    found = ecgs.by_ids(session, {each.ecg_id for each in asked if isinstance(each, Prediction)})
    return [(each, found[each.ecg_id] if isinstance(each, Prediction) else None) for each in asked]


def _reader_of(session: Session, archive: Archive, asked: AskedAbout, ecg: Ecg | None) -> Callable[[], Recording]:
    """Return what reads the recording that is asked about, without the session."""
    if isinstance(asked, Trial):
        return partial(decode, trials.waveform(session, asked.id))
    assert ecg is not None
    return partial(archive.waveform, ecg)


def _read(desk: Desk, asked: AskedAbout, read: Callable[[], Recording]) -> Recording | None:
    """Return the recording of a question; None where there is none, which is then its answer."""
    try:
        return read()
    except ObjectFault as fault:
        _write(desk.database, partial(_fail_by_fault, asked=asked, fault=fault))
        return None
    except StoreUnavailable as error:
        why = {"code": "store_unavailable", "detail": str(error)}
    except Exception as error:
        log.exception("prediction_failed", prediction_id=str(asked.id))
        why = {"code": "failed", "detail": f"the question could not be put ({type(error).__name__})"}
    _write(desk.database, partial(queries.fail, asked=asked, error=why))
    return None


def _end(desk: Desk, replies: Replies) -> None:
    """Write answers, in one transaction."""
    changes = [_change(desk, put, reply) for put, reply in replies]

    ends = []
    for (put, reply), change in zip(replies, changes, strict=True):
        if reply.get("answer") is None:
            error = reply.get("error") or {"code": "no_answer", "detail": "no answer"}
            ends.append(queries.Ended(put.asked, error=error))
        else:
            shown = {"change": change.shown} if change is not None else {}
            ends.append(queries.Ended(put.asked, answer={**reply["answer"], **shown}))

    def write(session: Session) -> None:
        queries.end(session, ends)
        for change in changes:
            if change is not None:
                change.keep(session)

    _write(desk.database, write)


def _change(desk: Desk, put: Put, reply: Reply) -> Change | None:
    """Return what the discrepancy model in use makes of an answer, where there is one of a stored ECG.

    Whatever goes wrong with it costs its own words, never the answer.
    """
    if put.ecg is None or reply.get("answer") is None:
        return None
    with desk.scoring:
        try:
            return desk.changes.change(put.ecg, put.asked.model_id, reply["answer"], put.recording)
        except Exception:
            log.exception("change_not_predicted", prediction_id=str(put.asked.id))
            return None


def _give_back(database: Database, asked: Sequence[AskedAbout]) -> None:
    def write(session: Session) -> None:
        for each in asked:
            queries.give_back(session, each)

    if asked:
        _write(database, write)


def _loaded(database: Database) -> None:
    """Let the worker look for the questions to the model that was loaded."""
    _write(database, queries.wake)


def _fail_by_fault(session: Session, asked: AskedAbout, fault: ObjectFault) -> None:
    queries.fail(session, asked, {"code": fault.code, "detail": str(fault)})
    if isinstance(asked, Prediction):
        record_fault(session, ACTOR, asked.ecg_id, fault)


def _write(database: Database, write: Callable[[Session], object]) -> None:
    """Write in a transaction of its own; repeat it after a failure of the database, so that no answer is lost."""
    for pause_s in WRITE_AGAIN_S:
        try:
            with database.begin() as session:
                write(session)
                return
        except TRANSIENT as error:
            log.warning("answer_written_again", error=type(error).__name__)
            time.sleep(pause_s)
    with database.begin() as session:
        write(session)
