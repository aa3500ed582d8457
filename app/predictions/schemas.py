"""Predictions as the API shows them."""

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from app.kit.problems import ProblemDetails
from app.kit.text import Name
from app.reports.schemas import Status
from ml.deidentify import without_identifiers

Discrepancy = Literal["agree", "likely_added", "likely_removed"]


MAX_PHRASES = 32


def _names_nobody(phrase: str) -> str:
    if without_identifiers(phrase) != phrase:
        raise PydanticCustomError("identifier", "names a person or holds a person's number; ask about findings alone")
    return phrase


Phrases = Annotated[list[Annotated[Name, AfterValidator(_names_nobody)]], Field(max_length=MAX_PHRASES)]


class PredictionIn(BaseModel):
    """A question about a stored ECG."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"ecg_id": "e2388a9a-9c11-40f8-855e-5a95e89fbca7"}]}
    )

    ecg_id: uuid.UUID
    model: uuid.UUID | None = Field(default=None, description="The promoted model when absent.")
    statements: Phrases = Field(default=[], description="Phrases in any wording, for CLIP and NegCLIP models.")


class ChangePrediction(BaseModel):
    """How probable it is that an expert changes what the machine says of a label, by the discrepancy model in use."""

    added: float | None = Field(description="That the expert adds it; null where the machine says it.")
    removed: float | None = Field(description="That the expert removes it; null where the machine does not say it.")
    learnt: bool = Field(
        description="Whether it was learnt; false: there were too few such changes, and it is how often they occur."
    )


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
        description="Whether the model differs from the machine; null without a machine report. How probable a change "
        "is says `change`."
    )
    change: ChangePrediction | None = Field(
        default=None,
        description="null without a machine report or a discrepancy model for this model, and where the report is not "
        "that of the answer any more: ask again.",
    )


class AnyChange(BaseModel):
    """How probable it is that an expert changes anything of the machine's report, and which model says so."""

    discrepancy_model: uuid.UUID
    probability: float


class StatementPrediction(BaseModel):
    """A phrase as the model sees it in this ECG."""

    phrase: str
    similarity: float = Field(description="The cosine between ECG and phrase, −1 to 1: ranks ECGs, is no probability.")


class ModelReference(BaseModel):
    """Which model answered."""

    id: uuid.UUID
    name: str


ANSWERED: dict[str, Any] = {
    "id": "ddaafa5e-50cf-4bbf-a83b-da4a19c37c20",
    "ecg_id": "e2388a9a-9c11-40f8-855e-5a95e89fbca7",
    "model": {"id": "0b391c93-3502-4cd8-86fd-bb2499ffc407", "name": "supervised-tiny-0b391c93"},
    "windows": 1,
    "labels": [
        {
            "label": "sinus_rhythm",
            "name": "Sinus Rhythm",
            "score": 0.709,
            "probability": 0.8118,
            "threshold": 0.3791,
            "positive": True,
            "finding": "present",
            "discrepancy": "agree",
            "change": {"added": None, "removed": 0.021, "learnt": True},
        }
    ],
    "any_change": {"discrepancy_model": "4a4b8f0e-6c53-4a83-8f6f-0d7f2f0a9c11", "probability": 0.094},
    "statements": [],
    "created_at": "2026-03-02T09:00:01.355273Z",
}
OPEN: dict[str, Any] = {
    **{name: ANSWERED[name] for name in ("id", "ecg_id", "model", "created_at")},
    "state": "open",
    "answered_at": None,
    "answer": None,
    "problem": None,
}


class PredictionOut(BaseModel):
    """A model's answer."""

    model_config = ConfigDict(json_schema_extra={"examples": [ANSWERED]})

    id: uuid.UUID
    ecg_id: uuid.UUID
    model: ModelReference
    windows: int = Field(description="10 s windows the answer is made of.")
    labels: list[LabelPrediction]
    any_change: AnyChange | None = Field(
        default=None, description="That an expert changes anything of the report; null as each label's `change` is."
    )
    statements: list[StatementPrediction] = Field(description="The phrases that were asked, in their order.")
    created_at: datetime


class PredictionStatus(BaseModel):
    """How far a question is."""

    model_config = ConfigDict(json_schema_extra={"examples": [OPEN]})

    id: uuid.UUID
    ecg_id: uuid.UUID
    model: ModelReference
    created_at: datetime
    state: Literal["open", "answered", "failed"]
    answered_at: datetime | None = Field(description="When it was answered, or failed.")
    answer: PredictionOut | None = Field(description="Beside the machine's report as it is now.")
    problem: ProblemDetails | None = Field(description="Why there is no answer.")
