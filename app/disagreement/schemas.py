"""Disagreement tables outside."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from app.ecgs.schemas import EcgSummary
from app.reports.schemas import ReportOut

Confidence = tuple[float, float] | None


class LabelRow(BaseModel):
    """One label's row of Table A.1, with agreement; `_ci` is the 95 % interval, null where not defined."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "label": "aflutter",
                    "name": "Atrial Flutter",
                    "pairs": 2030000,
                    "machine": 25566,
                    "overread": 43071,
                    "disagreement": 26189,
                    "added": 21847,
                    "removed": 4342,
                    "added_pct": 85.45,
                    "added_pct_ci": [83.9, 87.0],
                    "removed_pct": 16.98,
                    "removed_pct_ci": [16.5, 17.4],
                    "kappa": 0.61,
                    "kappa_ci": [0.60, 0.62],
                    "ppv": 0.83,
                    "ppv_ci": [0.826, 0.835],
                    "sensitivity": 0.493,
                    "sensitivity_ci": [0.488, 0.497],
                    "specificity": 0.998,
                    "specificity_ci": [0.998, 0.998],
                }
            ]
        }
    )

    label: str
    name: str
    pairs: int = Field(description="Pairs that count for this label.")
    machine: int = Field(description="Pairs the machine called positive.")
    overread: int = Field(description="Pairs the over-read called positive.")
    disagreement: int = Field(description="added + removed")
    added: int = Field(description="Over-read positive, machine negative.")
    removed: int = Field(description="Machine positive, over-read negative.")
    added_pct: float | None = Field(description="100 · added / machine; may exceed 100.")
    added_pct_ci: Confidence
    removed_pct: float | None = Field(description="100 · removed / machine")
    removed_pct_ci: Confidence
    kappa: float | None
    kappa_ci: Confidence
    ppv: float | None = Field(description="Of the machine's positives, the share the expert kept.")
    ppv_ci: Confidence
    sensitivity: float | None = Field(description="Of the expert's positives, the share the machine had.")
    sensitivity_ci: Confidence
    specificity: float | None
    specificity_ci: Confidence


class Table(BaseModel):
    """A disagreement table."""

    pairs: int
    labels: list[LabelRow]


class Group(Table):
    """The table of one group."""

    group: str | None = Field(description="The site, year, …; null: not known.")


class Disagreement(Table):
    """The disagreement table of the chosen pairs, whole and by group."""

    vocabulary: str
    hedged: Literal["positive", "negative", "ignore"]
    groups: list[Group] | None


class DifferingEcg(BaseModel):
    """An ECG on which the two readings differ, with both."""

    ecg: EcgSummary
    reader: str | None
    reports: list[ReportOut]
