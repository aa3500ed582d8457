"""The audit log and the access log, for admins."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from app.access_log.queries import Wanted
from app.access_log.routes import access_page
from app.auth.access import AdminUser
from app.auth.queries import ChosenChanges
from app.auth.routes import audit_page
from app.kit.database import SessionDep
from app.kit.text import Name
from app.kit.times import Time
from app.pages.shell import PagesDep

router = APIRouter(include_in_schema=False)

ROWS = 50

From = Annotated[Time | None, Query(alias="from")]
To = Annotated[Time | None, Query(alias="to")]
After = Annotated[int | None, Query(ge=1, le=2**62)]


@router.get("/audit")
def show_audit(
    request: Request,
    session: SessionDep,
    pages: PagesDep,
    user: AdminUser,
    actor: Annotated[Name | None, Query()] = None,
    action: Annotated[Name | None, Query()] = None,
    resource: Annotated[Name | None, Query()] = None,
    begin: From = None,
    end: To = None,
    cursor: After = None,
) -> Response:
    """Show who changed what."""
    page = audit_page(session, ChosenChanges(actor, action, resource, begin, end), cursor, ROWS)
    return pages.answer(request, "people/audit.html", user=user, title="Audit", page=page)


@router.get("/access-log")
def show_access_log(
    request: Request,
    session: SessionDep,
    pages: PagesDep,
    user: AdminUser,
    whose: Annotated[Name | None, Query(alias="user")] = None,
    ecg_id: Annotated[uuid.UUID | None, Query()] = None,
    begin: From = None,
    end: To = None,
    refused: Annotated[bool | None, Query()] = None,
    cursor: After = None,
) -> Response:
    """Show who read which patients' data, and who was refused."""
    page = access_page(session, Wanted(whose, ecg_id, begin, end, refused), cursor, ROWS)
    return pages.answer(request, "people/access_log.html", user=user, title="Access log", page=page)
