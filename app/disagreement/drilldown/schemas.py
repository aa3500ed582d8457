"""What a drill-down shows."""

import uuid

from pydantic import BaseModel, ConfigDict, Field

from app.ecgs.schemas import ECG, EcgSummary
from app.reports.schemas import ENDS, OVERREAD, STARTS, ReportOut
from ml.corpus.sources import Hedged


class DifferingEcg(BaseModel):
    """An ECG on which the two readings differ, with both."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "ecg": ECG,
                    "reader": "reader-7",
                    "added": ["aflutter"],
                    "removed": ["sinus_rhythm"],
                    "reports": [OVERREAD],
                }
            ]
        }
    )

    ecg: EcgSummary
    reader: str | None = Field(description="Whose over-read counts; null: not said.")
    added: list[str] = Field(description="Labels that only the over-read has.")
    removed: list[str] = Field(description="Labels that only the machine has.")
    reports: list[ReportOut] = Field(description="The current readings, with the words behind each finding.")


class StatementExample(BaseModel):
    """Where a statement stands."""

    ecg_id: uuid.UUID
    report_id: uuid.UUID
    start: int = Field(description=STARTS)
    end: int = Field(description=ENDS)
    text: str


class ChangedStatement(BaseModel):
    """A statement that only one of two readings makes."""

    statement: str = Field(description="What statements of one wording have in common; numbers are `#`.")
    ecgs: int
    pct: float = Field(description="Of the ECGs read.")
    pct_ci: tuple[float, float] = Field(description="Its 95 % interval.")
    example: StatementExample = Field(description="The newest ECG's.")


class ChangedStatements(BaseModel):
    """What experts add and remove, in words."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "vocabulary": "overread-2",
                    "hedged": "positive",
                    "simulated": False,
                    "read": 1000,
                    "complete": False,
                    "added": [
                        {
                            "statement": "atrial flutter",
                            "ecgs": 412,
                            "pct": 41.2,
                            "pct_ci": [38.189, 44.279],
                            "example": {
                                "ecg_id": ECG["id"],
                                "report_id": OVERREAD["id"],
                                "start": 0,
                                "end": 14,
                                "text": "Atrial flutter",
                            },
                        }
                    ],
                    "removed": [
                        {
                            "statement": "sinus rhythm",
                            "ecgs": 287,
                            "pct": 28.7,
                            "pct_ci": [25.982, 31.581],
                            "example": {
                                "ecg_id": ECG["id"],
                                "report_id": "d03c8f5a-41b7-4f0e-8a57-3c6f1b9e2d84",
                                "start": 0,
                                "end": 12,
                                "text": "Sinus rhythm",
                            },
                        }
                    ],
                }
            ]
        }
    )

    vocabulary: str
    hedged: Hedged
    simulated: bool = Field(description="Whether the ECGs are simulated or real ones.")
    read: int = Field(description="ECGs whose two texts were compared: the newest of those asked for.")
    complete: bool = Field(description="Whether these are all of them; otherwise the counts are a sample's.")
    added: list[ChangedStatement] = Field(description="Only in the over-read, most frequent first.")
    removed: list[ChangedStatement] = Field(description="Only in the machine's reading, most frequent first.")
