"""Triage rules over HTTP."""

import uuid

from fastapi import APIRouter

from app.auth.access import ResearcherUser, ViewerUser
from app.discrepancy_models import queries as discrepancy_models
from app.discrepancy_models.service import Present
from app.jobs import service as jobs
from app.jobs.schemas import JobOut
from app.jobs.service import StartJob
from app.kit.database import SessionDep
from app.kit.pagination import Cursor, Limit, Page, Position, decode
from app.kit.pagination import page as page_of
from app.kit.problems import check_known, invalid, responses
from app.triage_rules import queries, service
from app.triage_rules.schemas import ASKED, TriageRuleIn, TriageRuleOut

router = APIRouter(prefix="/v1/triage-rules", tags=["models"])

IN_USE = "4a4b8f0e-6c53-4a83-8f6f-0d7f2f0a9c11"


@router.post(
    "",
    status_code=202,
    responses={202: jobs.accepted("triage", {**ASKED, "discrepancy_model": IN_USE}), **responses(409, 422)},
)
def make_triage_rule(given: TriageRuleIn, session: SessionDep, user: ResearcherUser, start: StartJob) -> JobOut:
    """Find which of the machine's reports may pass unread so that no more changes are missed than asked for.

    The bound holds for any number of held-out pairs; with too few none may pass. The job's result names the rule.
    """
    if given.discrepancy_model is None:
        in_use = sorted(Present.of(session).in_use)
        if not in_use:
            raise invalid("discrepancy_model", "there is none in use: make one first", "none_in_use")
        rows = [discrepancy_models.by_id(session, each) for each in in_use]
        chosen = min((row for row in rows if row is not None), key=lambda row: row.simulated)  # real ones come first
        given = given.model_copy(update={"discrepancy_model": chosen.id})
    else:
        check_known(
            discrepancy_models.by_id(session, given.discrepancy_model), "discrepancy_model", "discrepancy model"
        )
    return start(user, "triage", given.model_dump(mode="json"))


@router.get("", responses=responses(422))
def list_triage_rules(
    session: SessionDep, user: ViewerUser, limit: Limit = 50, cursor: Cursor = None
) -> Page[TriageRuleOut]:
    """List triage rules, newest first, with what makes them stale."""
    rows = queries.newest(session, decode(cursor), limit)
    shown = {each.id: each for each in service.outside(session, rows)}
    return page_of(rows, limit, lambda row: Position(row.created_at, row.id), lambda row: shown[row.id])


@router.get("/{rule_id}", responses=responses(404, 422))
def get_triage_rule(rule_id: uuid.UUID, session: SessionDep, user: ViewerUser) -> TriageRuleOut:
    """Return a triage rule with the counts behind it, what it assumes, and whether it is in force."""
    return service.get(session, rule_id)
