"""Lists of ECGs over HTTP."""

from dataclasses import replace

from fastapi import APIRouter

from app.access_log.shown import ShownDep
from app.auth.access import ReaderUser, ViewerUser
from app.ecgs.patients.service import check_not_guessing, record_miss
from app.ecgs.schemas import EcgPage, EcgSummary
from app.ecgs.search import service
from app.ecgs.search.parameters import EcgSearchDep
from app.ecgs.search.schemas import NumbersIn
from app.ecgs.service import ArchiveDep
from app.kit import audit
from app.kit.database import SessionDep
from app.kit.pagination import Cursor, Limit
from app.kit.problems import responses

router = APIRouter(prefix="/v1/ecgs", tags=["ecgs"])


@router.get("", responses=responses(422))
def list_ecgs(
    session: SessionDep,
    user: ViewerUser,
    shown: ShownDep,
    chosen: EcgSearchDep,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> EcgPage[EcgSummary]:
    """List ECGs, newest first; all filters may be combined.

    With `label` a page looks at a bounded number of ECGs: it may hold fewer than `limit`, even none. Go on while
    `next_cursor` is not null.
    """
    found = service.page_of(session, chosen, limit, cursor)
    shown.add(ecg.id for ecg in found.items)
    return found


@router.post("/search", responses=responses(422, 429))
def search_ecgs(
    given: NumbersIn,
    archive: ArchiveDep,
    session: SessionDep,
    user: ReaderUser,
    shown: ShownDep,
    chosen: EcgSearchDep,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> EcgPage[EcgSummary]:
    """List the ECGs of a patient or an order, newest first; parameters are those of `GET /v1/ecgs`.

    The number is in the body: addresses are kept by proxies, logs and browsers. It is hashed on arrival, and the audit
    log says who searched for which hash.
    """
    check_not_guessing(session, user.name)
    patient_hash = archive.hash_patient(given.patient_id) if given.patient_id is not None else None
    order_hash = archive.hash_patient.order(given.order_id) if given.order_id is not None else None
    hashes = {"patient": patient_hash, "order": order_hash}
    asked = [(what, searched) for what, searched in hashes.items() if searched is not None]
    for what, searched in asked:
        audit.record(session, user.name, "search", what, resource_id=searched.hex())
    found = service.page_of(session, replace(chosen, patient_hash=patient_hash, order_hash=order_hash), limit, cursor)
    if not found.items:
        record_miss(session, user.name, asked[0][1])
    shown.add(ecg.id for ecg in found.items)
    return found
