"""What a drill-down shows."""

import uuid

from pydantic import BaseModel, Field

from app.disagreement.outcomes import Hedged
from app.ecgs.schemas import EcgSummary
from app.reports.schemas import ReportOut


class DifferingEcg(BaseModel):
    """An ECG on which the two readings differ, with both."""

    ecg: EcgSummary
    reader: str | None = Field(description="Whose over-read counts; null: not said.")
    added: list[str] = Field(description="Labels that only the over-read has.", examples=[["aflutter"]])
    removed: list[str] = Field(description="Labels that only the machine has.", examples=[["afib"]])
    reports: list[ReportOut] = Field(description="The current readings, with the words behind each finding.")


class StatementExample(BaseModel):
    """Where a statement stands."""

    ecg_id: uuid.UUID
    report_id: uuid.UUID
    start: int = Field(description="First character, in the stored text.")
    end: int = Field(description="One past the last character.")
    text: str


class ChangedStatement(BaseModel):
    """A statement that only one of two readings makes."""

    statement: str = Field(
        description="What statements of one wording have in common; numbers are `#`.", examples=["atrial flutter"]
    )
    ecgs: int
    pct: float = Field(description="Of the ECGs read.")
    pct_ci: tuple[float, float] = Field(description="Its 95 % interval.")
    example: StatementExample = Field(description="The newest ECG's.")


class ChangedStatements(BaseModel):
    """What experts add and remove, in words."""

    vocabulary: str
    hedged: Hedged
    read: int = Field(description="ECGs whose two texts were compared: the newest of those asked for.")
    complete: bool = Field(description="Whether these are all of them; otherwise the counts are a sample's.")
    added: list[ChangedStatement] = Field(description="Only in the over-read, most frequent first.")
    removed: list[ChangedStatement] = Field(description="Only in the machine's reading, most frequent first.")
