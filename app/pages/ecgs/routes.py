"""Pages of ECGs."""

import uuid

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from app.access_log.shown import ShownDep
from app.auth.access import ReaderUser, ViewerUser
from app.auth.service import allows
from app.disagreement.parameters import CellBookDep
from app.ecgs import service as ecgs
from app.ecgs.search.parameters import EcgSearchDep
from app.ecgs.search.service import page_of
from app.kit.database import SessionDep
from app.kit.pagination import Cursor, Limit
from app.pages.ecgs import service
from app.pages.shell import PagesDep
from app.predictions.service import answers_about
from app.vocabularies.service import LabelersDep

router = APIRouter(prefix="/ecgs", include_in_schema=False)


@router.get("")
def show_ecgs(
    request: Request,
    pages: PagesDep,
    session: SessionDep,
    user: ViewerUser,
    shown: ShownDep,
    labelers: LabelersDep,
    chosen: EcgSearchDep,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> HTMLResponse:
    """Show a page of the list of ECGs; parameters are those of `GET /v1/ecgs`."""
    found = page_of(session, chosen, limit, cursor)
    shown.add(ecg.id for ecg in found.items)
    labels = labelers.active(session).vocabulary.labels
    return pages.answer(
        request,
        "ecgs/list.html",
        user=user,
        rows=service.rows(session, found.items),
        next_cursor=found.next_cursor,
        simulated=found.simulated,
        labels=[(label.key, label.name) for label in labels],
        names={label.key: label.name for label in labels},
        asked=request.query_params,
    )


@router.get("/{ecg_id}")
def show_ecg(
    ecg_id: uuid.UUID,
    request: Request,
    pages: PagesDep,
    session: SessionDep,
    user: ViewerUser,
    shown: ShownDep,
    labelers: LabelersDep,
    book: CellBookDep,
) -> HTMLResponse:
    """Show an ECG: its traces, its reports side by side, what they differ in, and the patient's other ECGs."""
    view = service.view(session, book, labelers.active(session), ecgs.get(session, ecg_id), shown=shown)
    may_ask = allows(user.role, "reader")
    return pages.answer(
        request,
        "ecgs/ecg.html",
        user=user,
        view=view,
        measured=service.MEASURED,
        may_ask=may_ask,
        predictions=answers_about(session, ecg_id, user) if may_ask else [],
    )


@router.get("/{ecg_id}/predictions")
def show_predictions(
    ecg_id: uuid.UUID, request: Request, pages: PagesDep, session: SessionDep, user: ReaderUser
) -> HTMLResponse:
    """Show what models say of an ECG: the part of its page that changes when one has been asked."""
    ecgs.get(session, ecg_id)
    return pages.answer(request, "ecgs/predictions.html", user=user, predictions=answers_about(session, ecg_id, user))
