"""Discrepancy models over HTTP."""

import uuid

from fastapi import APIRouter, Response

from app.auth.access import ResearcherUser, ViewerUser
from app.discrepancy_models import queries, service
from app.discrepancy_models.schemas import ASKED, DiscrepancyModelIn, DiscrepancyModelOut, DiscrepancyModelTable
from app.ecgs.filters import wants_simulated
from app.jobs import service as jobs
from app.jobs.schemas import JobOut
from app.jobs.service import StartJob
from app.kit import audit
from app.kit.database import SessionDep
from app.kit.pagination import Cursor, Limit, Page, Position, decode
from app.kit.pagination import page as page_of
from app.kit.problems import check_known, invalid, responses
from app.models.queries import by_id as model_by_id
from app.vocabularies.queries import active
from ml.discrepancy.folder import FEWEST_PAIRS

router = APIRouter(prefix="/v1/discrepancy-models", tags=["models"])


@router.post("", status_code=202, responses={202: jobs.accepted("discrepancy", ASKED), **responses(409, 422)})
def start_discrepancy_model(
    given: DiscrepancyModelIn, session: SessionDep, user: ResearcherUser, start: StartJob
) -> JobOut:
    """Learn from the pairs what experts add to the machine's report, and remove. The job's result names the model.

    It is measured on pairs of other patients, and later ones where times are known, beside four baselines. Predictions
    of the model whose logits it reads are shown with its words as soon as it is ready.
    """
    if given.model is not None:
        check_known(model_by_id(session, given.model), "model", "model")
    slot = active(session).slot
    assert slot is not None
    simulated = wants_simulated(session, given.simulated)
    found = queries.count_pairs(session, slot, simulated, FEWEST_PAIRS)
    if found < FEWEST_PAIRS:
        kind = "simulated" if simulated else "real"
        raise invalid("pairs", f"there are {found} {kind} pairs; {FEWEST_PAIRS} are needed", "too_few")
    params = given.model_copy(update={"simulated": simulated}).model_dump(mode="json", exclude_none=True)
    return start(user, "discrepancy", params)


@router.get("", responses=responses(422))
def list_discrepancy_models(
    session: SessionDep, user: ViewerUser, limit: Limit = 50, cursor: Cursor = None
) -> Page[DiscrepancyModelOut]:
    """List discrepancy models, newest first, with what is in use and why others are not."""
    rows = queries.newest(session, decode(cursor), limit)
    shown = {each.id: each for each in service.outside(session, rows)}
    return page_of(rows, limit, lambda row: Position(row.created_at, row.id), lambda row: shown[row.id])


@router.get("/{discrepancy_model_id}", responses=responses(404, 422))
def get_discrepancy_model(
    discrepancy_model_id: uuid.UUID, session: SessionDep, user: ViewerUser
) -> DiscrepancyModelTable:
    """Return a discrepancy model with its table."""
    return service.with_table(session, service.get(session, discrepancy_model_id))


@router.delete("/{discrepancy_model_id}", status_code=204, response_class=Response, responses=responses(404, 422))
def delete_discrepancy_model(discrepancy_model_id: uuid.UUID, session: SessionDep, user: ResearcherUser) -> None:
    """Delete a discrepancy model with its pairs. An older one for the same vocabulary and model is in use again."""
    row = service.get(session, discrepancy_model_id)
    audit.record(
        session, user.name, "delete", "discrepancy_model", resource_id=row.id, before={"discrepancy_model": row.name}
    )
    queries.drop(session, row)
