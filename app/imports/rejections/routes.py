"""What imports refused, over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from app.auth.access import ResearcherUser
from app.imports.rejections import queries
from app.imports.rejections.schemas import RejectionOut
from app.imports.rejections.service import as_csv, outside, position_of
from app.kit.csv_answers import WantsCsv, csv_answer, json_or_csv
from app.kit.database import SessionDep
from app.kit.pagination import Cursor, Limit, Page, decode, page
from app.kit.problems import responses
from app.kit.text import Name

router = APIRouter(prefix="/v1/imports/rejections", tags=["imports"])

EXAMPLE_CSV = """\
id,kind,place,sha256,codes,reasons,first_seen,last_seen,times
5f0c2f64-5f2f-4b38-9d52-0f0f6d6ea0a4,ptbxl,ptbxl_database.csv line 17,,bad_row,the row is not CSV,\
2026-03-02T09:31:00.417735Z,2026-03-05T09:30:12.118402Z,2
"""


@router.get("", response_model=Page[RejectionOut], responses={**json_or_csv(EXAMPLE_CSV), **responses(422)})
def list_import_rejections(
    *,
    session: SessionDep,
    user: ResearcherUser,
    wants_csv: WantsCsv,
    kind: Annotated[Name | None, Query(description="Of this kind of archive.", examples=["ptbxl"])] = None,
    code: Annotated[Name | None, Query(description="With this reason.", examples=["constant_lead"])] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[RejectionOut] | Response:
    """List what imports refused, the newest first: files and rows, why, and since when. What passes is forgotten.

    With `Accept: text/csv`: the same page as CSV; `limit` and `cursor` are as for JSON.
    """
    rows = queries.newest(session, kind, code, position=decode(cursor), limit=limit)
    if wants_csv:
        return csv_answer(as_csv(map(outside, rows[:limit])))
    return page(rows, limit, position_of, outside)
