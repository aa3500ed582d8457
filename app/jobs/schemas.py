"""What a job looks like outside."""

import uuid
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

State = Literal["queued", "running", "succeeded", "failed", "cancelled"]

QUEUED: dict[str, JsonValue] = {
    "id": "ca9acda6-f88a-42dc-8dc6-1effacabfcba",
    "kind": "relabel",
    "queue": "cpu",
    "state": "queued",
    "progress": 0.0,
    "message": "",
    "params": {"version": "north-2", "actor": "admin"},
    "result": None,
    "error": None,
    "attempts": 0,
    "cancel_requested": False,
    "created_at": "2026-03-02T09:31:00.417735Z",
    "started_at": None,
    "finished_at": None,
}

SUCCEEDED: dict[str, JsonValue] = {
    **QUEUED,
    "state": "succeeded",
    "progress": 1.0,
    "message": "13 pairs made",
    "result": {"version": "north-2", "before": "overread-2", "texts_read": 6, "pairs": 13},
    "attempts": 1,
    "started_at": "2026-03-02T09:31:00.431206Z",
    "finished_at": "2026-03-02T09:31:01.127760Z",
}


class JobOut(BaseModel):
    """One job."""

    model_config = ConfigDict(json_schema_extra={"examples": [SUCCEEDED]})

    id: uuid.UUID
    kind: str = Field(description="Which work it is.")
    queue: str
    state: State
    progress: float = Field(description="0 to 1.")
    message: str
    params: dict[str, Any]
    result: dict[str, Any] | None
    error: str | None
    attempts: int = Field(description="Workers that took it up.")
    cancel_requested: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
