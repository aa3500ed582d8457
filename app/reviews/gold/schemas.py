"""What gold ECGs look like outside."""

import uuid
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from app.reports.schemas import StorableText

ECG_ID = "e2388a9a-9c11-40f8-855e-5a95e89fbca7"


class GoldIn(BaseModel):
    """The right reading of an ECG."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"text": "Atrial flutter"}]})

    text: StorableText


class GoldOut(BaseModel):
    """An ECG whose right reading is known."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "ecg_id": ECG_ID,
                    "text": "Atrial flutter",
                    "added_by": "core-lab",
                    "added_at": "2026-05-02T08:10:00.120331Z",
                }
            ]
        }
    )

    ecg_id: uuid.UUID
    text: str
    added_by: str
    added_at: datetime
