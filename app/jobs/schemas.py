"""What a job looks like outside."""

import uuid
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

Kind = Literal["dataset", "train", "evaluate", "study", "relabel", "preview"]
State = Literal["queued", "running", "succeeded", "failed", "cancelled"]


class JobOut(BaseModel):
    """One job."""

    id: uuid.UUID
    kind: Kind
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
