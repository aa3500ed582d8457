"""What trying an ECG out answers."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from app.kit.problems import ProblemDetails
from app.predictions.schemas import ANSWERED, LabelPrediction, ModelReference
from app.reports.schemas import FindingOut, Source
from app.vocabularies.schemas import StatementOut
from ml.labeling import Stance

_READ: dict[str, Any] = {
    "source": "machine",
    "text": "Sinus rhythm",
    "from_file": False,
    "statements": [{"start": 0, "end": 12, "text": "Sinus rhythm", "normal": "sinus rhythm"}],
    "findings": [
        {
            "label": "sinus_rhythm",
            "status": "present",
            "start": 0,
            "end": 12,
            "text": "Sinus rhythm",
            "cue": None,
            "cue_start": None,
            "cue_end": None,
        }
    ],
    "stance": "read",
}
TRIED: dict[str, Any] = {
    "sampling_rate_hz": 500.0,
    "samples": 5000,
    "leads": ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"],
    "waveform": "AAAAAA==",
    "scale_known": True,
    "readings": [_READ],
    "model": ANSWERED["model"],
    "windows": 1,
    "labels": ANSWERED["labels"],
    "problem": None,
}


class TriedReading(BaseModel):
    """A report of the file or of the form, as the labeler reads it. Identifiers have been removed from its text."""

    source: Source
    text: str | None
    from_file: bool = Field(description="Whether the file said it; else the form did.")
    statements: list[StatementOut]
    findings: list[FindingOut]
    stance: Stance


class TriedOut(BaseModel):
    """An ECG that was tried out: its signal, what its reports say, and what a model says. Nothing of it is kept."""

    model_config = ConfigDict(json_schema_extra={"examples": [TRIED]})

    sampling_rate_hz: float
    samples: int
    leads: list[str]
    waveform: str = Field(description="Base64 of little-endian 32-bit floats: lead after lead, in millivolt.")
    scale_known: bool = Field(
        description="False where the file says that its amplitudes are not calibrated: nothing may be measured on it."
    )
    readings: list[TriedReading]
    model: ModelReference | None = Field(description="Which model was asked.")
    windows: int | None = Field(description="10 s windows that the model's answer is made of.")
    labels: list[LabelPrediction] = Field(
        description="What the model says, beside the machine's report; empty without an answer."
    )
    problem: ProblemDetails | None = Field(description="Why no model has answered.")
