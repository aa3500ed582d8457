"""What a drill-down shows."""

from pydantic import BaseModel, Field

from app.ecgs.schemas import EcgSummary
from app.reports.schemas import ReportOut


class DifferingEcg(BaseModel):
    """An ECG on which the two readings differ, with both."""

    ecg: EcgSummary
    reader: str | None = Field(description="Whose over-read counts; null: not said.")
    added: list[str] = Field(description="Labels that only the over-read has.", examples=[["aflutter"]])
    removed: list[str] = Field(description="Labels that only the machine has.", examples=[["afib"]])
    reports: list[ReportOut] = Field(description="The current readings, with the words behind each finding.")
