"""Disagreement tables over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, Response

from app.auth.access import ViewerUser
from app.disagreement import service
from app.disagreement.parameters import AskedDep, CellBookDep, ChosenPairs, ComparedPairs, Hedges
from app.disagreement.schemas import BY_MONTH, BY_SITE, COMPARED, READ_INSTEAD, Comparison, Disagreement, Flow, Trend
from app.disagreement.sheets import comparison_csv, flow_csv, table_csv, trend_csv
from app.disagreement.tally import Asked
from app.kit.csv_answers import WantsCsv, csv_answer, json_or_csv
from app.kit.database import SessionDep
from app.kit.problems import invalid, responses
from app.vocabularies.service import LabelersDep
from ml.corpus.sources import HEDGED

router = APIRouter(prefix="/v1/disagreement", tags=["disagreement"])


@router.get(
    "",
    response_model=Disagreement,
    responses={**json_or_csv(table_csv(BY_SITE, ["site"])), **responses(422)},
)
def get_disagreement(
    labelers: LabelersDep,
    session: SessionDep,
    user: ViewerUser,
    asked: AskedDep,
    book: CellBookDep,
    wants_csv: WantsCsv,
) -> Response:
    """Show, per label, what experts add to and remove from the machine's reading.

    Percentages are over the machine-positive count, as in Table A.1 of the paper. All filters may be combined. Send
    `Accept: text/csv` for CSV.
    """
    rules = labelers.active(session)
    answer = service.disagreement(session, book, rules, asked)
    return csv_answer(table_csv(answer, asked.group_by)) if wants_csv else JSONResponse(answer)


@router.get(
    "/compare", response_model=Comparison, responses={**json_or_csv(comparison_csv(COMPARED)), **responses(422)}
)
def compare_pairs(
    labelers: LabelersDep,
    session: SessionDep,
    user: ViewerUser,
    compared: ComparedPairs,
    book: CellBookDep,
    wants_csv: WantsCsv,
    hedged: Hedges = HEDGED,
) -> Response:
    """Show two choices of pairs side by side, with the differences of their rates and their 95 % intervals.

    The filters are those of the table, of the one choice after `a.`, of the other after `b.`. Send `Accept: text/csv`
    for CSV.
    """
    rules = labelers.active(session)
    answer = service.comparison(session, book, rules, compared, hedged=hedged)
    return csv_answer(comparison_csv(answer)) if wants_csv else JSONResponse(answer)


@router.get("/trend", response_model=Trend, responses={**json_or_csv(trend_csv(BY_MONTH)), **responses(422)})
def get_trend(
    labelers: LabelersDep,
    session: SessionDep,
    user: ViewerUser,
    chosen: ChosenPairs,
    book: CellBookDep,
    wants_csv: WantsCsv,
    hedged: Hedges = HEDGED,
    label: Annotated[
        list[str],
        Query(description="Only these labels; repeat the parameter.", max_length=63, examples=[["aflutter"]]),
    ] = [],  # noqa: B006
) -> Response:
    """Show each label's row month by month, each rate with its interval. Send `Accept: text/csv` for CSV."""
    rules = labelers.active(session)
    if unknown := set(label) - {known.key for known in rules.vocabulary.labels}:
        raise invalid("query.label", f"{min(unknown)!r} is no label of the active vocabulary")
    answer = service.trend(session, book, rules, Asked(chosen, hedged), only=label)
    return csv_answer(trend_csv(answer)) if wants_csv else JSONResponse(answer)


@router.get("/flow", response_model=Flow, responses={**json_or_csv(flow_csv(READ_INSTEAD)), **responses(422)})
def get_flow(
    labelers: LabelersDep,
    session: SessionDep,
    user: ViewerUser,
    chosen: ChosenPairs,
    book: CellBookDep,
    wants_csv: WantsCsv,
    hedged: Hedges = HEDGED,
) -> Response:
    """Show what was read instead: which labels were added where one was removed, and the reverse.

    Send `Accept: text/csv` for CSV.
    """
    rules = labelers.active(session)
    answer = service.flow(session, book, rules, Asked(chosen, hedged))
    return csv_answer(flow_csv(answer)) if wants_csv else JSONResponse(answer)
