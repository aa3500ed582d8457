"""Who read what, over HTTP."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session

from app.access_log import queries
from app.access_log.queries import Wanted
from app.access_log.schemas import AccessOut, AccessPage
from app.auth.access import AdminUser
from app.auth.queries import user_named
from app.kit.database import SessionDep
from app.kit.pagination import Limit
from app.kit.problems import check_known, responses
from app.kit.text import Name
from app.kit.times import Time, check_order

router = APIRouter(prefix="/v1/access-log", tags=["access"])


@router.get("", responses=responses(422))
def list_access_log(
    session: SessionDep,
    admin: AdminUser,
    user: Annotated[Name | None, Query(description="Whose key was sent.", examples=["core-lab"])] = None,
    ecg_id: Annotated[uuid.UUID | None, Query(description="Answers that show this ECG.")] = None,
    begin: Annotated[
        Time | None, Query(alias="from", description="At or after.", examples=["2026-03-01T00:00:00Z"])
    ] = None,
    end: Annotated[Time | None, Query(alias="to", description="Before.", examples=["2026-04-01T00:00:00Z"])] = None,
    refused: Annotated[bool | None, Query(description="Only refused requests, or only answered ones.")] = None,
    limit: Limit = 50,
    cursor: Annotated[int | None, Query(ge=1, le=2**62, examples=[90412])] = None,
) -> AccessPage:
    """List who read patients' data, newest first: user, operation, ECGs, address; and who was refused.

    There is an entry for each answer that can show patients' data: ECGs, waveforms, plots, reports, predictions, and
    the tables and lists made of them. It is stored before the answer is sent.
    """
    wanted = Wanted(user, ecg_id, begin, end, refused)
    return access_page(session, wanted, cursor, limit)


def access_page(session: Session, wanted: Wanted, cursor: int | None, limit: int) -> AccessPage:
    """Return a page of the access log; a 422 for a user that there is not."""
    check_order(wanted.begin, wanted.end)
    user_id = (
        check_known(user_named(session, wanted.user), "query.user", "user").id if wanted.user is not None else None
    )
    rows = queries.newest(session, wanted, user_id, before_id=cursor, limit=limit)
    items = [AccessOut.model_validate(row._asdict()) for row in rows[:limit]]
    return AccessPage(items=items, next_cursor=items[-1].id if len(rows) > limit else None)
