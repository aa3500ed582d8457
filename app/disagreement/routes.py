"""Disagreement tables over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from app.auth.access import ViewerUser
from app.disagreement import service
from app.disagreement.parameters import AskedDep, CellBookDep, ChosenPairs, Hedges
from app.disagreement.schemas import BY_SITE, Disagreement, Flow, Trend
from app.disagreement.service import Asked
from app.disagreement.sheets import as_csv
from app.kit.database import SessionDep
from app.kit.problems import invalid, responses
from app.vocabularies.service import LabelersDep

router = APIRouter(prefix="/v1/disagreement", tags=["disagreement"])


@router.get(
    "",
    response_model=Disagreement,
    responses={
        200: {
            "content": {"text/csv": {"schema": {"type": "string"}, "example": as_csv(BY_SITE, ["site"])}},
            "description": "JSON, or CSV on request",
        },
        **responses(422),
    },
)
def get_disagreement(
    request: Request, labelers: LabelersDep, session: SessionDep, user: ViewerUser, asked: AskedDep, book: CellBookDep
) -> Response:
    """Show, per label, what experts add to and remove from the machine's reading.

    Percentages are over the machine-positive count, as in Table A.1 of the paper. All filters may be combined. Send
    `Accept: text/csv` for CSV.
    """
    rules = labelers.active(session)
    answer = service.disagreement(session, book, rules, asked)
    if "text/csv" in request.headers.get("accept", ""):
        return Response(as_csv(answer, asked.group_by), media_type="text/csv; charset=utf-8")
    return JSONResponse(answer)


@router.get("/trend", response_model=Trend, responses=responses(422))
def get_trend(
    labelers: LabelersDep,
    session: SessionDep,
    user: ViewerUser,
    chosen: ChosenPairs,
    book: CellBookDep,
    hedged: Hedges = "positive",
    label: Annotated[
        list[str],
        Query(description="Only these labels; repeat the parameter.", max_length=63, examples=[["aflutter"]]),
    ] = [],  # noqa: B006
) -> Response:
    """Show each label's row month by month, each rate with its interval."""
    rules = labelers.active(session)
    if unknown := set(label) - {known.key for known in rules.vocabulary.labels}:
        raise invalid("query.label", f"{min(unknown)!r} is no label of the active vocabulary")
    return JSONResponse(service.trend(session, book, rules, Asked(chosen, hedged), label))


@router.get("/flow", response_model=Flow, responses=responses(422))
def get_flow(
    labelers: LabelersDep,
    session: SessionDep,
    user: ViewerUser,
    chosen: ChosenPairs,
    book: CellBookDep,
    hedged: Hedges = "positive",
) -> Response:
    """Show what was read instead: which labels were added where one was removed, and the reverse."""
    rules = labelers.active(session)
    return JSONResponse(service.flow(session, book, rules, Asked(chosen, hedged)))
