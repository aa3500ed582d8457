"""The inference worker: it hears of questions, asks its one warm child, and writes the answers."""

import signal
import threading
from typing import Any

import psycopg
import structlog
from sqlalchemy.exc import OperationalError

from app.ecgs import queries as ecgs
from app.ecgs.patients import PatientHasher
from app.ecgs.service import Archive
from app.kit.database import Database, Json
from app.kit.store import ObjectStore
from app.models.tasks import bundle_folder
from app.predictions import queries
from app.predictions.child import ChildDied, WarmChild
from app.settings import Settings

log = structlog.get_logger(__name__)

LOOK_S = 1.0  # a notification lost with its connection costs a question at most this long
ANSWER_WITHIN_S = 60.0


def work(settings: Settings) -> None:
    """Answer questions, oldest first, until SIGTERM."""
    database = Database(settings)
    archive = Archive(ObjectStore(settings.data_dir / "objects"), PatientHasher(settings))
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, lambda *_: stopping.set())
    with WarmChild(settings.data_dir / "logs" / "inference.txt") as child:
        child.start()
        while not stopping.is_set():
            try:
                _listen(database, archive, child, settings, stopping)
            except (psycopg.OperationalError, OperationalError) as error:
                log.warning("inference_waits", error=type(error).__name__)
                stopping.wait(LOOK_S)
    database.close()


def _listen(
    database: Database, archive: Archive, child: WarmChild, settings: Settings, stopping: threading.Event
) -> None:
    url = database.url.replace("postgresql+psycopg://", "postgresql://", 1)
    with psycopg.connect(url, autocommit=True, application_name="overread inference") as listening:
        listening.execute(f"LISTEN {queries.CHANNEL}")
        while not stopping.is_set():
            while not stopping.is_set() and _answer_one(database, archive, child, settings):
                pass
            for _ in listening.notifies(timeout=LOOK_S, stop_after=1):
                pass


def _answer_one(database: Database, archive: Archive, child: WarmChild, settings: Settings) -> bool:
    with database.begin() as session:
        asked = queries.claim_oldest(session, ANSWER_WITHIN_S)
        if asked is None:
            return False
        ecg = ecgs.by_id(session, asked.ecg_id)
    assert ecg is not None
    recording = archive.waveform(ecg)
    given: Json | None = None
    error: dict[str, Any] | None = None
    try:
        reply = child.ask(
            bundle_folder(settings.models_dir, asked.model_id),
            recording.millivolts(),
            recording.sampling_rate_hz,
            asked.phrases,
            ANSWER_WITHIN_S,
        )
        given, error = reply.get("answer"), reply.get("error")
    except ChildDied as died:
        log.error("inference_child_died", prediction_id=str(asked.id), why=str(died))
        error = {"code": "child_died", "detail": "the inference process died"}
    with database.begin() as session:
        if given is not None:
            queries.answer(session, asked.id, given)
        else:
            queries.fail(session, asked.id, error or {"code": "no_answer", "detail": "no answer"})
    return True
