"""Gold ECGs over HTTP."""

import uuid

from fastapi import APIRouter

from app.access_log.shown import ShownDep
from app.auth.access import ResearcherUser
from app.ecgs.queries import hold
from app.kit import audit
from app.kit.database import SessionDep
from app.kit.pagination import Cursor, Limit, Page, Position, decode, page
from app.kit.problems import not_found, responses
from app.reports import queries as report_queries
from app.reports import service as reports
from app.reviews.gold import queries
from app.reviews.gold.schemas import GoldIn, GoldOut
from app.reviews.tables import ReviewGold
from app.vocabularies.service import LabelersDep

router = APIRouter(prefix="/v1/reviews/gold", tags=["reviews"])


@router.get("", responses=responses(422))
def list_gold(
    session: SessionDep, user: ResearcherUser, shown: ShownDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[GoldOut]:
    """List the ECGs whose right reading is known, the last added first."""
    found = queries.newest(session, decode(cursor), limit)
    listed = page(
        found, limit, lambda row: Position(row[0].added_at, row[0].ecg_id), lambda row: _outside(row[0], row[1] or "")
    )
    shown.add(each.ecg_id for each in listed.items)
    return listed


@router.put("/{ecg_id}", responses=responses(404, 409, 413, 422))
def put_gold(
    ecg_id: uuid.UUID, given: GoldIn, labelers: LabelersDep, session: SessionDep, user: ResearcherUser
) -> GoldOut:
    """Say what the right reading of an ECG is. Readers of lists with a share of gold meet it without knowing."""
    rules = labelers.maintained(session)
    if not hold(session, ecg_id):
        raise not_found("ECG")
    said: report_queries.Said = (given.text, None)
    [text_id] = report_queries.text_ids(session, [said])
    reports.label_new(session, rules, {text_id: said})
    gold = queries.put(session, ecg_id, text_id, user.name)
    audit.record(session, user.name, "update", "review_gold", resource_id=ecg_id)
    return _outside(gold, given.text)


@router.delete("/{ecg_id}", responses=responses(404, 422))
def delete_gold(ecg_id: uuid.UUID, session: SessionDep, user: ResearcherUser) -> GoldOut:
    """Make an ECG an ordinary one again, and return what was known of it. What was read of it as gold stays."""
    found = queries.by_id(session, ecg_id)
    if found is None:
        raise not_found("gold ECG")
    queries.drop(session, ecg_id)
    audit.record(session, user.name, "delete", "review_gold", resource_id=ecg_id)
    return _outside(found[0], found[1] or "")


def _outside(gold: ReviewGold, text: str) -> GoldOut:
    return GoldOut(ecg_id=gold.ecg_id, text=text, added_by=gold.added_by, added_at=gold.added_at)
