"""Snapshots outside."""

import uuid
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from app.disagreement.schemas import Disagreement


class SnapshotSummary(BaseModel):
    """A pinned question: who asked what, and when."""

    id: uuid.UUID
    name: str | None
    created_by: str
    as_of: datetime = Field(description="The answer holds what had arrived by then.")
    vocabulary: str = Field(description="The version that was active.")
    query: dict[str, Any] = Field(
        description="The parameters of `GET /v1/disagreement`.",
        examples=[{"site": "north", "from": "2026-01-01T00:00:00Z", "group_by": ["month"], "hedged": "positive"}],
    )


class SnapshotOut(SnapshotSummary):
    """A pinned question with the answer it had."""

    answer: Disagreement
