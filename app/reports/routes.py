"""Reports of an ECG."""

import uuid

from fastapi import APIRouter, Response

from app.auth.access import ReaderUser, ViewerUser
from app.ecgs.queries import by_id
from app.kit.database import SessionDep
from app.kit.problems import not_found, responses
from app.reports import service
from app.reports.rights import attributed
from app.reports.schemas import ReportIn, ReportList, ReportOut
from app.vocabularies.service import LabelersDep

router = APIRouter(prefix="/v1/ecgs/{ecg_id}/reports", tags=["reports"])


@router.post(
    "",
    status_code=201,
    responses={
        200: {"model": ReportOut, "description": "This reading is stored already"},
        **responses(404, 409, 413, 422),
    },
)
def add_report(
    ecg_id: uuid.UUID, given: ReportIn, labelers: LabelersDep, response: Response, session: SessionDep, user: ReaderUser
) -> ReportOut:
    """Add a reading of an ECG.

    It becomes the current version of its source and reader; findings and the ECG's pair change in the same
    transaction. The same reading again answers 200: it fills in `blinded` and `validated` where they were unknown, and
    is refused (409) where the opposite is stored.

    A `final` over-read is filed, and changed, under your own name (its default then) or by an admin.
    """
    given = attributed(session, user, ecg_id, given)
    rules = labelers.maintained(session)
    added = service.add(session, user.name, rules, ecg_id, given=given)
    if not added.is_new:
        response.status_code = 200
    return added.report


@router.get("", responses=responses(404, 422))
def list_reports(ecg_id: uuid.UUID, session: SessionDep, user: ViewerUser) -> ReportList:
    """List every version of every reading of an ECG, oldest first."""
    if by_id(session, ecg_id) is None:
        raise not_found("ECG")
    return ReportList(items=service.of_ecg(session, ecg_id))
