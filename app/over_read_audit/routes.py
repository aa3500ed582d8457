"""The over-read audit over HTTP. It is for admins: it says of named people that they may be wrong."""

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Query

from app.access_log.shown import ShownDep
from app.auth.access import AdminUser
from app.ecgs.parameters import Simulated
from app.jobs import service as jobs
from app.jobs.schemas import JobOut
from app.jobs.service import StartJob
from app.kit.caching import NO_STORE
from app.kit.database import SessionDep
from app.kit.pagination import Limit
from app.kit.problems import responses
from app.kit.text import Name
from app.over_read_audit import service
from app.over_read_audit.schemas import (
    MODEL_ID,
    AuditedReaders,
    AuditIn,
    DecisionIn,
    FlagDetail,
    FlagPage,
    Precision,
    State,
)

router = APIRouter(prefix="/v1/over-read-audit", tags=["reviews"], dependencies=[NO_STORE])

Label = Annotated[Name | None, Query(description="Only flags of this label.", examples=["aflutter"])]


@router.post(
    "",
    status_code=202,
    responses={
        202: jobs.accepted("over_read_audit", {"discrepancy_model": MODEL_ID, "simulated": False}),
        **responses(409, 422),
    },
)
def start_over_read_audit(given: AuditIn, session: SessionDep, user: AdminUser, start: StartJob) -> JobOut:
    """Compare the signed over-reads of a discrepancy model's ECGs with the evidence. The newest audit is shown.

    The model is to be one for the active vocabulary.
    """
    return start(user, "over_read_audit", service.params_of(session, given))


@router.get("", response_model=FlagPage, responses=responses(422))
def list_over_read_flags(
    session: SessionDep,
    user: AdminUser,
    shown: ShownDep,
    label: Label = None,
    state: Annotated[State, Query(description="Flags without a decision, with one, or all.")] = "open",
    simulated: Simulated = None,
    limit: Limit = 50,
    cursor: Annotated[
        int, Query(ge=0, le=2**31 - 1, description="`next_cursor` of the page before; 0 for the first.")
    ] = 0,
) -> dict[str, Any]:
    """List signed labels that the evidence speaks against, by evidence × the label's weight.

    Nothing is changed by it: who finds an over-read wrong writes a new version. What was decided on before, as long as
    the over-read is the same, is not listed again by a later audit.
    """
    found = service.newest(session, simulated)
    listed = service.page(session, found, label=label, state=state, limit=limit, after=cursor)
    shown.add(each["ecg_id"] for each in listed["items"])
    return listed


@router.get("/precision", response_model=Precision, responses=responses(422))
def get_over_read_audit_precision(
    session: SessionDep, user: AdminUser, label: Label = None, simulated: Simulated = None
) -> dict[str, Any]:
    """Show how many of the flags that were decided were right, down to ranks of the order."""
    return service.precision(session, service.newest(session, simulated), label)


@router.get("/readers", response_model=AuditedReaders, responses=responses(422))
def get_over_read_audit_readers(session: SessionDep, user: AdminUser, simulated: Simulated = None) -> dict[str, Any]:
    """Show each reader's likely errors beside those that others would have on ECGs of the same difficulty."""
    return service.readers(session, service.newest(session, simulated))


@router.get("/flags/{flag_id}", response_model=FlagDetail, responses=responses(404, 422))
def get_over_read_flag(flag_id: uuid.UUID, session: SessionDep, user: AdminUser, shown: ShownDep) -> dict[str, Any]:
    """Show a flag with all decisions on it."""
    found = service.detail(session, flag_id)
    shown.add([found["ecg_id"]])
    return found


@router.post("/flags/{flag_id}/decisions", response_model=FlagDetail, responses=responses(404, 413, 422))
def decide_over_read_flag(
    flag_id: uuid.UUID, given: DecisionIn, session: SessionDep, user: AdminUser, shown: ShownDep
) -> dict[str, Any]:
    """Write down who is right. The same decision of the same user again is no second one; another one adds to it."""
    found = service.decide(session, user.name, flag_id, given)
    shown.add([found["ecg_id"]])
    return found
