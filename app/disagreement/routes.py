"""Disagreement tables over HTTP."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from app.auth.access import Viewer
from app.disagreement import service
from app.disagreement.parameters import AskedDep, CellBookDep
from app.disagreement.schemas import Disagreement
from app.disagreement.sheets import as_csv
from app.kit.database import SessionDep
from app.kit.problems import responses

router = APIRouter(prefix="/v1/disagreement", tags=["disagreement"])


@router.get(
    "",
    response_model=Disagreement,
    responses={
        200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "JSON, or CSV on request"},
        **responses(422),
    },
)
def get_disagreement(
    request: Request, session: SessionDep, user: Viewer, asked: AskedDep, book: CellBookDep
) -> Response:
    """Show, per label, what experts add to and remove from the machine's reading.

    Percentages are over the machine-positive count, as in Table A.1 of the paper. All filters may be combined. Send
    `Accept: text/csv` for CSV.
    """
    rules = request.app.state.labelers.active(session)
    answer = service.disagreement(session, book, rules, asked)
    if "text/csv" in request.headers.get("accept", ""):
        return Response(as_csv(answer, asked.group_by), media_type="text/csv; charset=utf-8")
    return JSONResponse(answer)
