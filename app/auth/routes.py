"""Who am I, and what was changed by whom."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from app.auth import queries
from app.auth.access import AdminUser, ViewerUser
from app.auth.schemas import AuditOut, AuditPage
from app.auth.service import Role
from app.kit.database import SessionDep
from app.kit.pagination import Limit
from app.kit.problems import responses

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
    limit: Limit = 50,
    cursor: Annotated[int | None, Query(ge=1, le=2**62, examples=[812])] = None,
) -> AuditPage:
    """List every change, newest first: who, what, before and after."""
    rows = queries.audit_entries(session, cursor, limit)
    shown = rows[:limit]
    items = [AuditOut.model_validate(row, from_attributes=True) for row in shown]
    return AuditPage(items=items, next_cursor=shown[-1].id if len(rows) > limit else None)
