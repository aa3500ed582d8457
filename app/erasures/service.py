"""Erasing in one transaction; objects are deleted after it, by whoever comes first: the request or a worker."""

import uuid
from collections.abc import Sequence
from typing import NamedTuple

import structlog
from sqlalchemy.orm import Session

from app.ecgs.patients import PatientHasher
from app.ecgs.service import object_key
from app.ecgs.tables import Ecg
from app.erasures import queries
from app.erasures.tables import Erasure
from app.erasures.tombstones.queries import add as add_tombstones
from app.erasures.tombstones.service import Known, hashes_of
from app.kit import audit
from app.kit.database import TRANSIENT, Database
from app.kit.folders import Folders, Kind
from app.kit.problems import Problem, not_found
from app.kit.store import ObjectStore, StoreUnavailable
from app.vocabularies.queries import wait_for_writers

log = structlog.get_logger(__name__)

FOLDERS: tuple[Kind, ...] = ("exports", "discrepancy")
"""Kinds of folders that are deleted like objects; their keys begin so."""
OBJECTS = 500  # deleted between two transactions


class Asked(NamedTuple):
    """What is to be erased: one ECG, or a patient with all ECGs."""

    ecg_id: uuid.UUID | None = None
    patient_hash: bytes | None = None


def erase(session: Session, hasher: PatientHasher, actor: str, asked: Asked) -> Erasure:
    """Delete all that is stored of an ECG or of a patient, and leave tombstones. A 404 where there is none.

    Every writer of reports and pairs is waited for, and later ones see the tombstones. So an import, an activation or
    an upload that is under way neither misses what goes nor brings it back.
    """
    wait_for_writers(session)
    is_patient = asked.patient_hash is not None
    chosen = Ecg.patient_hash == asked.patient_hash if is_patient else Ecg.id == asked.ecg_id
    found = queries.locked(session, chosen)
    if not found:
        raise not_found("patient" if is_patient else "ECG")
    ids = [ecg.id for ecg in found]
    digests = [ecg.waveform_sha256 for ecg in found if ecg.waveform_sha256 is not None]
    reports = queries.report_ids_of(session, ids)
    texts = queries.text_ids_of(session, ids)
    queries.drop_rows(session, "pairs", ids)
    predictions = queries.drop_rows(session, "predictions", ids)
    queries.forget_earlier(session, ids)
    # what was written of an item goes with it
    for table in ("over_read_flags", "predicted_changes", "review_gold", "review_items", "reports"):
        queries.drop_rows(session, table, ids)
    held = queries.mark_held(session, ids)
    erasure = Erasure(
        id=uuid.uuid4(),
        what="patient" if is_patient else "ecg",
        actor=actor,
        ecgs=len(ids),
        reports=len(reports),
        texts=queries.drop_unused_texts(session, texts),
        predictions=predictions,
        datasets=held.datasets,
        models=held.models,
        discrepancy_models=held.discrepancy_models,
    )
    session.add(erasure)
    session.flush()
    add_tombstones(session, erasure.id, _hashes(hasher, found, asked))
    objects = [object_key(digest) for digest in digests]
    queries.delete_later(session, erasure.id, [*objects, *queries.end_exports(session)])
    queries.forget_files(session, digests)
    queries.empty_audit(session, ids, reports)
    queries.empty_results(session, [str(each) for each in ids])
    _drop(session, found)
    audit.record(
        session,
        actor,
        "erase",
        erasure.what,
        resource_id=erasure.id if is_patient else ids[0],
        after={"erasure": erasure.id, "ecgs": len(ids), "reports": len(reports)},
    )
    session.flush()
    session.refresh(erasure)
    return erasure


def lift(session: Session, actor: str, erasure_id: uuid.UUID) -> Erasure:
    """Let what was erased be stored again, if it is sent again. A 409 while its objects are being deleted."""
    wait_for_writers(session)
    erasure = queries.by_id(session, erasure_id)
    if erasure is None:
        raise not_found("erasure")
    if queries.is_under_way(session, erasure_id):
        raise Problem(409, "under_way", "Its waveforms are still being deleted; try again in a moment.")
    if erasure.lifted_at is None:
        queries.lift(session, erasure_id, actor)
        queries.read_files_again(session)
        audit.record(session, actor, "lift", "erasure", resource_id=erasure_id)
        session.flush()
        session.refresh(erasure)
    return erasure


def delete_objects(database: Database, store: ObjectStore, folders: Folders) -> None:
    """Delete the objects and folders that no row names any more. Repeated after a crash: twice does no harm.

    None can be needed again: as long as its tombstone stands no ECG of it is stored, and it stands until the object
    has gone (`lift`).
    """
    while True:
        with database.begin() as session:
            found = queries.objects_to_delete(session, OBJECTS)
        for _number, key in found:
            beginning, _, name = key.partition("/")
            kind = next((each for each in FOLDERS if each == beginning), None)
            if kind is not None:
                folders.remove(kind, uuid.UUID(name))
            else:
                store.delete(key)
        with database.begin() as session:
            queries.objects_deleted(session, [number for number, _ in found])
        if len(found) < OBJECTS:
            return


def try_to_delete_objects(database: Database, store: ObjectStore, folders: Folders) -> None:
    """Delete objects now, or leave it to a worker where database or store are away."""
    try:
        delete_objects(database, store, folders)
    except (StoreUnavailable, *TRANSIENT) as error:
        log.warning("objects_left", error=type(error).__name__)


def _hashes(hasher: PatientHasher, found: Sequence[Ecg], asked: Asked) -> list[bytes]:
    """Return the tombstones of ECGs; their patient has one only where the patient was erased."""
    patient = asked.patient_hash.hex() if asked.patient_hash is not None else None
    return [hashed for ecg in found for hashed in hashes_of(hasher, Known(ecg.waveform_sha256, ecg.record, patient))]


def _drop(session: Session, found: Sequence[Ecg]) -> None:
    """Delete the rows of ECGs, and the hashes of patients and orders that no ECG has any more."""
    patients = [ecg.patient_hash for ecg in found if ecg.patient_hash is not None]
    orders = [ecg.order_hash for ecg in found if ecg.order_hash is not None]
    queries.drop_ecgs(session, [ecg.id for ecg in found])
    for resource, column, hashes in (("patient", "patient_hash", patients), ("order", "order_hash", orders)):
        queries.hide_hashes(session, resource, queries.unused_hashes(session, column, hashes))
