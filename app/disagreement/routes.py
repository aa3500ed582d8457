"""Disagreement tables and the ECGs behind a number."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from app.auth.access import Viewer
from app.disagreement import queries
from app.disagreement.queries import Direction, GroupBy, PairFilter
from app.disagreement.schemas import DifferingEcg, Disagreement, Group
from app.disagreement.service import as_csv, table
from app.disagreement.statistics import Hedged
from app.ecgs import service as ecgs
from app.ecgs.schemas import Sex
from app.kit.database import SessionDep
from app.kit.pagination import Cursor, Limit, Page, Position, decode, page
from app.kit.problems import not_found, responses
from app.kit.text import Name
from app.reports import service as reports

router = APIRouter(prefix="/v1/disagreement", tags=["disagreement"])


def _aware(value: datetime | None) -> datetime | None:
    return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


def chosen_pairs(
    recorded_from: Annotated[
        datetime | None, Query(alias="from", description="Recorded at or after; UTC without an offset.")
    ] = None,
    recorded_to: Annotated[datetime | None, Query(alias="to", description="Recorded before.")] = None,
    site: Name | None = None,
    device: Name | None = None,
    reader: Name | None = None,
    sex: Sex | None = None,
    age_min: Annotated[float | None, Query(ge=0, le=130)] = None,
    age_max: Annotated[float | None, Query(ge=0, le=130)] = None,
) -> PairFilter:
    """Read which pairs are asked for."""
    return PairFilter(_aware(recorded_from), _aware(recorded_to), site, device, reader, sex, age_min, age_max)


ChosenPairs = Annotated[PairFilter, Depends(chosen_pairs)]


@router.get(
    "",
    response_model=Disagreement,
    responses={
        200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "JSON, or CSV on request"},
        **responses(422),
    },
)
def get_disagreement(
    request: Request,
    session: SessionDep,
    user: Viewer,
    chosen: ChosenPairs,
    hedged: Annotated[
        Hedged, Query(description="What an uncertain finding counts as; `ignore` leaves the pair out.")
    ] = "positive",
    group_by: GroupBy | None = None,
) -> Disagreement | Response:
    """Show, per label, what experts add to and remove from the machine's reading.

    Percentages are over the machine-positive count, as in Table A.1 of the paper. Send `Accept: text/csv`
    for CSV.
    """
    rules = request.app.state.labelers.active(session)
    labels = rules.vocabulary.labels
    whole = table(queries.count_cells(session, rules.slot, chosen), labels, hedged)
    groups = None
    if group_by is not None:
        groups = [
            Group(group=name, **dict(table(cells, labels, hedged)))
            for name, cells in queries.count_cells_by(session, rules.slot, chosen, group_by).items()
        ]
    answer = Disagreement(
        pairs=whole.pairs,
        labels=whole.labels,
        vocabulary=rules.vocabulary.version,
        hedged=hedged,
        groups=groups,
    )
    if "text/csv" in request.headers.get("accept", ""):
        return Response(as_csv(answer), media_type="text/csv; charset=utf-8")
    return answer


@router.get("/{label}/ecgs", responses=responses(404, 422))
def list_differing_ecgs(
    label: str,
    direction: Direction,
    request: Request,
    session: SessionDep,
    user: Viewer,
    chosen: ChosenPairs,
    hedged: Hedged = "positive",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[DifferingEcg]:
    """List the ECGs whose over-read added, or removed, a label, newest first, with both readings."""
    rules = request.app.state.labelers.active(session)
    keys = [known.key for known in rules.vocabulary.labels]
    if label not in keys:
        raise not_found("label")
    rows = queries.pairs_that_differ(
        session, rules.slot, chosen, keys.index(label), direction, hedged, decode(cursor), limit
    )
    readings = reports.of_ecgs(session, [ecg.id for ecg, _ in rows])
    return page(
        rows,
        limit,
        lambda row: Position(row[0].created_at, row[0].id),
        lambda row: DifferingEcg(ecg=ecgs.outside(row[0]), reader=row[1] or None, reports=readings[row[0].id]),
    )
