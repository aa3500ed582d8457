"""The names that users may have, and the audit log's entries as the API shows them."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from app.kit.text import Name


def _one_line(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must be one line of printable characters")
    return value


UserName = Annotated[Name, StringConstraints(max_length=100), AfterValidator(_one_line)]


class AuditOut(BaseModel):
    """One change."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": 812,
                    "at": "2026-03-02T08:55:40.193027Z",
                    "actor": "admin",
                    "action": "promote",
                    "resource": "model",
                    "resource_id": "0b391c93-3502-4cd8-86fd-bb2499ffc407",
                    "before": {"promoted": "dbc8c7bb-86d3-46f5-8a1b-2888b0529435"},
                    "after": {"promoted": "0b391c93-3502-4cd8-86fd-bb2499ffc407"},
                }
            ]
        }
    )

    id: int
    at: datetime
    actor: str
    action: str
    resource: str
    resource_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class AuditPage(BaseModel):
    """A page of the audit log, newest first."""

    items: list[AuditOut]
    next_cursor: int | None = Field(examples=[812])
