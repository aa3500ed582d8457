"""Who am I, and what was changed by whom."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session

from app.auth import queries
from app.auth.access import AdminUser, ViewerUser
from app.auth.queries import ChosenChanges
from app.auth.schemas import AuditOut, AuditPage
from app.auth.service import Role
from app.kit.database import SessionDep
from app.kit.pagination import Limit
from app.kit.problems import responses
from app.kit.text import Name
from app.kit.times import Time, check_order

router = APIRouter(prefix="/v1", tags=["access"])


class Me(BaseModel):
    """Whose key this is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "core-lab", "role": "reader"}]})

    name: str
    role: Role


@router.get("/me", responses=responses())
def who_am_i(user: ViewerUser) -> Me:
    """Show the user and role of the key that was sent."""
    return Me.model_validate({"name": user.name, "role": user.role})


@router.get("/audit", responses=responses(422))
def list_audit(
    session: SessionDep,
    user: AdminUser,
    actor: Annotated[Name | None, Query(description="Who made the change.", examples=["core-lab"])] = None,
    action: Annotated[Name | None, Query(examples=["promote"])] = None,
    resource: Annotated[Name | None, Query(description="Of what kind of thing.", examples=["model"])] = None,
    begin: Annotated[
        Time | None, Query(alias="from", description="At or after.", examples=["2026-03-01T00:00:00Z"])
    ] = None,
    end: Annotated[Time | None, Query(alias="to", description="Before.", examples=["2026-04-01T00:00:00Z"])] = None,
    limit: Limit = 50,
    cursor: Annotated[int | None, Query(ge=1, le=2**62, examples=[812])] = None,
) -> AuditPage:
    """List changes, newest first: who, what, before and after."""
    return audit_page(session, ChosenChanges(actor, action, resource, begin, end), cursor, limit)


def audit_page(session: Session, chosen: ChosenChanges, cursor: int | None, limit: int) -> AuditPage:
    """Return a page of the audit log."""
    check_order(chosen.begin, chosen.end)
    rows = queries.audit_entries(session, chosen, cursor, limit)
    shown = rows[:limit]
    items = [AuditOut.model_validate(row, from_attributes=True) for row in shown]
    return AuditPage(items=items, next_cursor=shown[-1].id if len(rows) > limit else None)
