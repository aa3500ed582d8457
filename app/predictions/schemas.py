"""What predictions look like outside."""

import uuid
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.reports.schemas import Status

Discrepancy = Literal["agree", "likely_added", "likely_removed"]


class PredictionIn(BaseModel):
    """A question about a stored ECG."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"ecg_id": "5b2c1b0e-0000-4000-8000-000000000000"}]}
    )

    ecg_id: uuid.UUID
    model: uuid.UUID | None = Field(default=None, description="The promoted model when absent.")


class LabelPrediction(BaseModel):
    """One label as the model sees it, beside what the machine said."""

    label: str
    name: str
    score: float = Field(description="The model's raw output, 0–1: ranks ECGs, is no probability.")
    probability: float = Field(description="The calibrated probability that an expert would state the label.")
    threshold: float = Field(description="On the score; chosen on the validation split.")
    positive: bool = Field(description="score ≥ threshold")
    finding: Status | None = Field(description="The label in the machine's report; null: not in it, or no report.")
    discrepancy: Discrepancy | None = Field(
        description="Whether an expert would probably change the machine's statement; null without a machine report."
    )


class ModelReference(BaseModel):
    """Which model answered."""

    id: uuid.UUID
    name: str


class PredictionOut(BaseModel):
    """A model's answer."""

    id: uuid.UUID
    ecg_id: uuid.UUID
    model: ModelReference
    windows: int = Field(description="10 s windows the answer is made of.")
    labels: list[LabelPrediction]
    statements: Annotated[list[str], Field(description="Free phrases; empty for models that know labels only.")]
    created_at: datetime
