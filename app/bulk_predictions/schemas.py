"""Requests for predictions of many ECGs."""

import uuid
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.kit.text import Name
from app.kit.times import TimeWithOffset

NORTH: dict[str, JsonValue] = {"site": "north", "from": "2026-01-01T00:00:00Z"}
REQUESTED: dict[str, JsonValue] = {
    **NORTH,
    "simulated": False,
    "model": "0b391c93-3502-4cd8-86fd-bb2499ffc407",
    "stored_until": "2026-03-02T09:00:01Z",
}


class BulkPredictionIn(BaseModel):
    """Which ECGs a model is asked about; every stored ECG with a waveform where nothing is said."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, json_schema_extra={"examples": [NORTH]})

    model: uuid.UUID | None = Field(default=None, description="The promoted model when absent.")
    recorded_from: TimeWithOffset | None = Field(default=None, alias="from")
    recorded_to: TimeWithOffset | None = Field(default=None, alias="to")
    site: Name | None = None
    device: Name | None = None
    simulated: bool | None = Field(
        default=None, description="Real ECGs (false) or simulated ones (true). Absent: real ones, where there are any."
    )


class BulkPrediction(BulkPredictionIn):
    """The parameters of the job: what was left open is decided when it is asked for, and stays so."""

    model_config = ConfigDict(json_schema_extra={"examples": [REQUESTED]})

    model: uuid.UUID
    simulated: bool
    stored_until: datetime
