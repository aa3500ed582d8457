"""Snapshots outside."""

import uuid
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.disagreement.schemas import BY_SITE, Disagreement

NORTH: dict[str, JsonValue] = {
    "id": "2304a13c-c864-428f-9929-07767b84461f",
    "name": "North, this year",
    "created_by": "core-lab",
    "as_of": "2026-04-01T08:00:00.316420Z",
    "vocabulary": "overread-2",
    "query": {"from": "2026-01-01T00:00:00+00:00", "site": "north", "hedged": "positive", "group_by": ["site"]},
}


class SnapshotSummary(BaseModel):
    """A pinned question: who asked what, and when."""

    model_config = ConfigDict(json_schema_extra={"examples": [NORTH]})

    id: uuid.UUID
    name: str | None
    created_by: str
    as_of: datetime = Field(description="The answer holds what had arrived by then.")
    vocabulary: str = Field(description="The version that was active.")
    query: dict[str, Any] = Field(description="The parameters of `GET /v1/disagreement`.")


class SnapshotOut(SnapshotSummary):
    """A pinned question with the answer it had."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**NORTH, "answer": BY_SITE}]})

    answer: Disagreement
