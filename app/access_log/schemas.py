"""What the access log looks like outside."""

import uuid
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field


class AccessOut(BaseModel):
    """One request that could show patients' data, or that was refused."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": 90412,
                    "at": "2026-03-02T08:55:40.193027Z",
                    "user": "core-lab",
                    "operation": "get_waveform",
                    "status": 200,
                    "ecg_ids": ["e2388a9a-9c11-40f8-855e-5a95e89fbca7"],
                    "ecgs": 1,
                    "address": "10.20.0.14",
                    "request_id": "8f14e45fceea467a9575c6a2bb0a6fb7",
                    "unrecorded": 0,
                }
            ]
        }
    )

    id: int
    at: datetime
    user: str | None = Field(description="Whose key was sent; null where it was no valid one.")
    operation: str = Field(description="The operation, by the name that OpenAPI gives it.")
    status: int = Field(description="The answer's status; 401 and 403 were refused.")
    ecg_ids: list[uuid.UUID] = Field(description="The ECGs that the answer shows, the first 500 of them.")
    ecgs: int = Field(description="How many ECGs the answer shows.")
    address: str = Field(description="The client's network address.")
    request_id: str = Field(description="The answer's `X-Request-ID`, as in the logs.")
    unrecorded: int = Field(description="Refusals before this one that got no entry because they were too many.")


class AccessPage(BaseModel):
    """A page of the access log, newest first."""

    items: list[AccessOut]
    next_cursor: int | None = Field(examples=[90412])
