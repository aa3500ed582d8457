"""Requests for triage rules, and rules as the API shows them."""

import uuid
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from ml.evaluation.risk import MOST_OF_A_PATIENT, Of

ASKED: dict[str, JsonValue] = {"max_missed_change": 0.02, "level": 0.95, "of": "passed"}

ASSUMES = (
    "The reports that will pass come as the held-out pairs did: same patients' mix, sites, devices, readers.",
    "An over-read is what the expert would have said of a report that passes unread.",
    f"Patients are independent of each other; of one patient at most {MOST_OF_A_PATIENT} reports are counted.",
    "The held-out pairs chose nothing: thresholds come from out-of-fold pairs, and each is tested in a fixed order.",
    "Each line holds at the level by itself, not all of them together.",
)
"""What a rule rests on; nobody can check it by the pairs alone."""

Stale = Literal["vocabulary", "model", "discrepancy_model", "change_watch"]
Why = Literal["too_few", "not_shown"]

_LINE: dict[str, JsonValue] = {
    "label": None,
    "name": "Whole report",
    "threshold": 0.0412,
    "why_none": None,
    "reports": 5210,
    "patients": 4480,
    "of_a_patient": 3,
    "changed": 611,
    "passed": 2893,
    "passing": 0.5553,
    "missed": 41,
    "missed_share": 0.0142,
    "needed": 460,
}
MADE: dict[str, JsonValue] = {
    "id": "3a0a37bb-3a4a-4b35-8f42-2a6a7b7d5a0e",
    "created_at": "2026-06-02T09:12:44.640377Z",
    "discrepancy_model": "4a4b8f0e-6c53-4a83-8f6f-0d7f2f0a9c11",
    "model": "0b391c93-3502-4cd8-86fd-bb2499ffc407",
    "vocabulary": "overread-2",
    "simulated": False,
    **ASKED,
    "level_for_all_lines": 0.9962,
    "stale": [],
    "in_force": True,
    "assumes": list(ASSUMES),
    "whole": _LINE,
    "labels": [{**_LINE, "label": "afib", "name": "Atrial Fibrillation", "threshold": 0.118, "passed": 4998}],
}


class TriageRuleIn(BaseModel):
    """What may be missed."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [ASKED]})

    max_missed_change: Annotated[float, Field(ge=0.0001, le=0.5)] = Field(
        description="The largest share of missed changes: reports that pass unread and that an expert would change."
    )
    level: Annotated[float, Field(ge=0.5, le=0.9999)] = Field(
        default=0.95, description="How sure it is that no more are missed, over draws of the held-out pairs."
    )
    of: Of = Field(
        default="passed",
        description="What missed changes are a share of. `passed`: of the reports that pass unread, which is what a "
        "patient whose report nobody reads is exposed to. `all`: of all reports. `changed`: of the reports that an "
        "expert changes.",
    )
    discrepancy_model: uuid.UUID | None = Field(default=None, description="Absent: the one that is in use.")


class TriageLine(BaseModel):
    """What may pass of a label, or of whole reports, with the held-out counts behind it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_LINE]})

    label: str | None = Field(description="null: the whole report, which is changed where any label is.")
    name: str
    threshold: float | None = Field(
        description="The machine's word may pass where the probability of a change is at most this; null: none may."
    )
    why_none: Why | None = Field(
        description="`too_few`: not even without a missed change would the pairs do; `not_shown`: they do not show it."
    )
    reports: int = Field(description="Held-out reports that were counted.")
    patients: int
    of_a_patient: int = Field(description="Most reports of one patient.")
    changed: int
    passed: int
    passing: float = Field(description="The share of the held-out reports that pass.")
    missed: int = Field(description="Reports that pass and were changed.")
    missed_share: float | None = Field(
        description="Their share, as `of` says; the bound is on this share among all reports like these."
    )
    needed: int = Field(description="Reports that would do if no change were missed.")


class TriageRuleOut(BaseModel):
    """A triage rule."""

    model_config = ConfigDict(json_schema_extra={"examples": [MADE]})

    id: uuid.UUID
    created_at: datetime
    discrepancy_model: uuid.UUID
    model: uuid.UUID | None
    vocabulary: str
    simulated: bool
    max_missed_change: float
    level: float
    of: Of
    level_for_all_lines: float = Field(description="The level to ask for if all lines are to hold together.")
    stale: list[Stale] = Field(
        description="Why it is not in force: another vocabulary is active, another model answers, another discrepancy "
        "model is in use, or the change watch has rung."
    )
    in_force: bool
    assumes: list[str]
    whole: TriageLine
    labels: list[TriageLine]
