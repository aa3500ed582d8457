"""Snapshots over HTTP."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, Response

from app.auth.access import ReaderUser, ViewerUser
from app.disagreement.parameters import AskedDep, CellBookDep
from app.disagreement.schemas import BY_SITE
from app.disagreement.sheets import table_csv
from app.disagreement.snapshots import queries, service
from app.disagreement.snapshots.schemas import SnapshotOut, SnapshotSummary
from app.kit.csv_answers import WantsCsv, csv_answer, json_or_csv
from app.kit.database import SessionDep
from app.kit.pagination import Cursor, Limit, Page, Position, decode, page
from app.kit.problems import not_found, responses
from app.kit.text import Name
from app.vocabularies.service import LabelersDep

router = APIRouter(prefix="/v1/disagreement/snapshots", tags=["disagreement"])


@router.post("", status_code=201, response_model=SnapshotOut, responses=responses(422))
def pin_question(
    labelers: LabelersDep,
    session: SessionDep,
    user: ReaderUser,
    asked: AskedDep,
    book: CellBookDep,
    name: Annotated[Name | None, Query(description="What people call it.", examples=["North, this year"])] = None,
) -> Response:
    """Pin a question: the parameters are those of `GET /v1/disagreement`, and the answer is kept for good."""
    rules = labelers.active(session)
    snapshot = service.pin(session, user.name, book, rules, asked=asked, name=name)
    headers = {"Location": f"/v1/disagreement/snapshots/{snapshot.id}"}
    return JSONResponse(service.outside(snapshot), 201, headers)


@router.get("", responses=responses(422))
def list_snapshots(
    session: SessionDep, user: ViewerUser, limit: Limit = 50, cursor: Cursor = None
) -> Page[SnapshotSummary]:
    """List pinned questions, newest first, without their answers."""
    rows = queries.newest(session, decode(cursor), limit)
    return page(
        rows,
        limit,
        lambda row: Position(row.created_at, row.id),
        lambda row: SnapshotSummary(
            id=row.id,
            name=row.name,
            created_by=row.created_by,
            as_of=row.created_at,
            vocabulary=row.vocabulary,
            query=row.query,
        ),
    )


@router.get(
    "/{snapshot_id}",
    response_model=SnapshotOut,
    responses={**json_or_csv(table_csv(BY_SITE, ["site"])), **responses(404, 422)},
)
def get_snapshot(snapshot_id: uuid.UUID, session: SessionDep, user: ViewerUser, wants_csv: WantsCsv) -> Response:
    """Show a pinned question with the answer it had. Send `Accept: text/csv` for the answer as CSV."""
    snapshot = queries.by_id(session, snapshot_id)
    if snapshot is None:
        raise not_found("snapshot")
    shown = service.outside(snapshot)
    if wants_csv:
        return csv_answer(table_csv(shown["answer"], snapshot.query.get("group_by", [])))
    return JSONResponse(shown)
