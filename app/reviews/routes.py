"""Items of review lists over HTTP: claim, read, lock, sign."""

import uuid

from fastapi import APIRouter, Request, Response

from app.access_log.shown import ShownDep
from app.auth.access import ReaderUser
from app.ecgs import answers
from app.ecgs.answers import Format, Stage
from app.ecgs.memory import SignalsDep
from app.ecgs.routes import check_format
from app.ecgs.schemas import WaveformJson
from app.kit import caching
from app.kit.database import SessionDep
from app.kit.deferred import Deferred
from app.kit.problems import responses
from app.reviews import service
from app.reviews.schemas import Claim, ItemOut, LockIn, Open, Released, ReviewDraftIn, ReviewDraftOut, SignIn
from app.vocabularies.service import LabelersDep

router = APIRouter(prefix="/v1/reviews", tags=["reviews"], dependencies=[caching.NO_STORE])


@router.post("/lists/{list_id}/claim", responses=responses(404, 409, 422))
def claim_review_item(
    list_id: uuid.UUID, labelers: LabelersDep, session: SessionDep, user: ReaderUser, shown: ShownDep
) -> Claim:
    """Take the next ECG of a list, or the one of it that you hold already. Nobody else reads it until you are done.

    While you read it blind, every other operation that could show what somebody else reads answers 409
    `blind_reading_open`. An ECG of which you have been shown a reading is not given to you blind.
    """
    claimed = service.claim(session, user, list_id)
    if claimed.item is None:
        return Claim(item=None, next=None)
    shown.add([claimed.item.ecg.id])
    rules = labelers.active(session)
    return Claim(item=service.outside_item(session, rules, user, claimed.item), next=claimed.next)


@router.get("/open", responses=responses())
def get_open_review(labelers: LabelersDep, session: SessionDep, user: ReaderUser, shown: ShownDep) -> Open:
    """Show the item that you hold, of whatever list."""
    found = service.held(session, user)
    if found is None:
        return Open(item=None)
    shown.add([found.ecg.id])
    return Open(item=service.outside_item(session, labelers.active(session), user, found))


@router.get("/items/{item_id}", responses=responses(404, 409, 422))
def get_review_item(
    item_id: uuid.UUID, labelers: LabelersDep, session: SessionDep, user: ReaderUser, shown: ShownDep
) -> ItemOut:
    """Show an item that you hold or have signed; an admin sees what anybody has signed."""
    found = service.own(session, user, item_id)
    shown.add([found.ecg.id])
    return service.outside_item(session, labelers.active(session), user, found)


@router.get(
    "/items/{item_id}/waveform",
    response_model=None,
    responses={
        200: {
            "model": WaveformJson,
            "description": "As an ECG's waveform; it is named by the item.",
            "content": answers.BINARY,
        },
        **caching.NOT_MODIFIED,
        **responses(404, 410, 422, 503),
    },
)
def get_review_waveform(
    item_id: uuid.UUID,
    request: Request,
    signals: SignalsDep,
    session: SessionDep,
    user: ReaderUser,
    shown: ShownDep,
    stage: Stage = "raw",
    format: Format = "json",
) -> Response:
    """Return the waveform of an item's ECG. Nothing in the answer says which ECG it is."""
    ecg = service.readable(session, item_id).ecg
    shown.add([ecg.id])
    check_format(ecg, stage, format)
    etag = caching.etag_of(request.app.version, item_id, stage, format)
    if known := caching.not_modified(request, etag):
        return known
    make = answers.raw if stage == "raw" else answers.windows
    asked = answers.Asked(ecg, user.name, item_id)
    return Deferred(lambda: make(signals, asked, format, headers=caching.headers_of(etag)))


@router.put("/items/{item_id}/draft", responses=responses(404, 409, 413, 422))
def save_review_draft(
    item_id: uuid.UUID, given: ReviewDraftIn, session: SessionDep, user: ReaderUser
) -> ReviewDraftOut:
    """Save what you have written so far, and hold the item longer. Up to 20 drafts are kept until you sign.

    With `after`, a draft that somebody else's machine has saved meanwhile is not written over: 409 `draft_changed`.
    """
    return ReviewDraftOut.model_validate(service.save_draft(session, user, item_id, given))


@router.post("/items/{item_id}/lock", responses=responses(404, 409, 413, 422))
def lock_review_item(
    item_id: uuid.UUID, given: LockIn, labelers: LabelersDep, session: SessionDep, user: ReaderUser, shown: ShownDep
) -> ItemOut:
    """Lock your first reading of an ECG that you read blind: it stands, and the answer shows the machine's reading."""
    found = service.lock(session, user, labelers, item_id, words=given.text)
    shown.add([found.ecg.id])
    return service.outside_item(session, labelers.active(session), user, found)


@router.post("/items/{item_id}/release", responses=responses(404, 409, 422))
def release_review_item(item_id: uuid.UUID, session: SessionDep, user: ReaderUser) -> Released:
    """Give an item back without signing it. Your drafts stay, should you claim it again."""
    service.release(session, user, item_id)
    return Released(id=item_id, state="open")


@router.post("/items/{item_id}/sign", responses=responses(404, 409, 413, 422))
def sign_review_item(
    item_id: uuid.UUID, given: SignIn, labelers: LabelersDep, session: SessionDep, user: ReaderUser, shown: ShownDep
) -> ItemOut:
    """Sign a reading with your name and the time, or a later version of one that you have signed.

    It becomes an over-read of yours: of a blind item the locked first reading (blinded), and where yours now differs
    that as a further version. A decision between two readings is final. The same words again change nothing.
    """
    rules = labelers.maintained(session)
    found = service.sign(session, user, rules, item_id, words=given.text, reason=given.reason)
    shown.add([found.ecg.id])
    return service.outside_item(session, rules[0], user, found)
