"""What the over-read audit looks like outside."""

import uuid
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from app.kit.text import Name
from ml.deidentify import without_identifiers
from ml.labeling.vocabulary import Weight

Decision = Literal["upheld", "corrected", "unclear"]
State = Literal["open", "decided", "all"]
Stale = Literal["vocabulary", "model"]

FLAG_ID = "6f1d7a52-0d3c-4b6e-9a55-0c9be0f3a7d1"
AUDIT_ID = "1b9f8e6a-75a3-4a9e-8b0e-3a9d5f5b2c11"
MODEL_ID = "d2f0a3c4-5b6e-4f70-8a91-b2c3d4e5f607"
ECG_ID = "e2388a9a-9c11-40f8-855e-5a95e89fbca7"

DECIDED: dict[str, JsonValue] = {
    "id": "0c7f3b1e-91d2-4c6f-8e0a-5b4d3c2a1f00",
    "decision": "corrected",
    "reason": "Saw-tooth waves in II, III and aVF.",
    "by": "core-lab",
    "at": "2026-05-06T14:20:00.118204Z",
}


class AuditIn(BaseModel):
    """The discrepancy model whose probabilities are asked."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"discrepancy_model": MODEL_ID}]})

    discrepancy_model: uuid.UUID


class DecisionIn(BaseModel):
    """What somebody decides of a flag. It changes no over-read."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"decision": "corrected", "reason": "Saw-tooth waves in II, III and aVF."}]},
    )

    decision: Decision = Field(
        description="upheld: the over-read is right. corrected: it is wrong. unclear: the ECG does not tell."
    )
    reason: Annotated[Name, AfterValidator(without_identifiers)] = Field(
        description="Why, in a few words. Identifiers of patients are removed."
    )


class DecisionOut(BaseModel):
    """A decision."""

    id: uuid.UUID
    decision: Decision
    reason: str
    by: str
    at: datetime


class Against(BaseModel):
    """One piece of evidence about the label, in words with its numbers."""

    kind: Literal["model", "others", "earlier"]
    words: str
    log_odds: float = Field(
        description="By how much it changes the log odds that the label is wrong; negative: for it."
    )


class FlaggedReport(BaseModel):
    """What a report says."""

    text: str | None
    codes: list[str] | None


class FlaggedOverRead(FlaggedReport):
    """The over-read that a flag is about."""

    report_id: uuid.UUID
    reader: str | None = Field(description="Null where nobody is named.")
    authored_at: datetime | None
    current: bool = Field(description="False: it was corrected, or written anew, since the audit.")


class FlagOut(BaseModel):
    """A label of a signed over-read that the evidence speaks against."""

    id: uuid.UUID
    rank: int = Field(description="Its place in the order by evidence × weight, among all labels.")
    label_rank: int = Field(description="Its place among the flags of its label.")
    ecg_id: uuid.UUID
    label: str
    name: str
    says: Literal["present", "absent"] = Field(description="What the over-read says of the label.")
    evidence: float = Field(description="The estimated probability that this is wrong.")
    weight: Weight
    score: float = Field(description="Evidence × the number of the weight: none 0, minor 1, major 3.")
    against: list[Against]
    overread: FlaggedOverRead
    machine: FlaggedReport | None
    decision: DecisionOut | None = Field(description="The newest one.")


class FlagDetail(FlagOut):
    """A flag with all that was decided of it, the first decision first."""

    model_config = ConfigDict(json_schema_extra={"examples": []})

    decisions: list[DecisionOut]


class AuditedLabel(BaseModel):
    """What an audit learned of a label's errors, by confident learning; null: too few readings of a kind."""

    label: str
    name: str
    weight: Weight
    present: int = Field(description="Over-reads that assert it.")
    absent: int = Field(description="Over-reads that do not.")
    wrongly_present: float | None = Field(description="How many of those that assert it are estimated to be wrong.")
    wrongly_absent: float | None
    usual_present: float | None = Field(description="The mean probability of it where it is asserted.")
    usual_absent: float | None = Field(description="The mean probability of it where it is not asserted.")
    flags: int = Field(description="Flags that are listed.")


class OverReadAuditOut(BaseModel):
    """The audit that is shown: the newest one."""

    id: uuid.UUID
    discrepancy_model: uuid.UUID
    vocabulary: str
    simulated: bool
    readings: int = Field(description="Over-reads that were looked at.")
    created_at: datetime
    stale: list[Stale] = Field(
        description="Why it should be made again: another vocabulary is active, or a newer discrepancy model is there."
    )
    labels: list[AuditedLabel]


class FlagPage(BaseModel):
    """A page of flags, those with most evidence × weight first."""

    model_config = ConfigDict(json_schema_extra={"examples": []})

    audit: OverReadAuditOut | None = Field(description="Null: there was none yet.")
    items: list[FlagOut]
    next_cursor: int | None = Field(description="Pass it as `cursor` for the next page; null on the last.")


class PrecisionRow(BaseModel):
    """How many of the first `rank` flags were right, as far as that was decided."""

    rank: int
    decided: int = Field(description="Of the first `rank` flags, those with a decision, unclear ones too.")
    corrected: int
    upheld: int
    unclear: int
    precision: float | None = Field(description="corrected / (corrected + upheld), of what was decided.")
    precision_ci: tuple[float, float] | None = Field(description="95 % (Wilson), if what was decided is a fair sample.")
    least: float = Field(description="The precision at this rank if all that is open, or unclear, were upheld.")
    most: float = Field(description="The precision at this rank if all of that were corrected.")


class Precision(BaseModel):
    """The running precision of an audit's order.

    A share of decided flags is biased by which of them were looked at: that is why it is given down to ranks, and with
    the bounds that hold whatever the open ones turn out to be. Down to `complete_to` nothing is open.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "audit": AUDIT_ID,
                    "label": None,
                    "flags": 412,
                    "complete_to": 50,
                    "ranks": [
                        {
                            "rank": 50,
                            "decided": 50,
                            "corrected": 41,
                            "upheld": 7,
                            "unclear": 2,
                            "precision": 0.854,
                            "precision_ci": [0.728, 0.928],
                            "least": 0.82,
                            "most": 0.86,
                        }
                    ],
                }
            ]
        }
    )

    audit: uuid.UUID | None
    label: str | None
    flags: int
    complete_to: int = Field(description="The rank down to which every flag was decided.")
    ranks: list[PrecisionRow]


class AuditedReader(BaseModel):
    """A reader beside what the ECGs that were read let expect of anybody. Null below `minimum`."""

    reader: str
    readings: int
    flagged: int | None = Field(description="Labels that are probably wrong (evidence 0.5 and more).")
    expected: float | None = Field(description="As many as all others would have on ECGs of the same difficulty.")
    ratio: float | None = Field(description="flagged / expected")
    ratio_ci: tuple[float, float] | None = Field(description="95 %")
    withheld: Literal["too_few"] | None = Field(description="Why nothing but the readings is shown; null: it is.")


class AuditedReaders(BaseModel):
    """Readers in an audit, those whose ratio is surely above others first."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "audit": AUDIT_ID,
                    "minimum": 20,
                    "readers": [
                        {
                            "reader": "reader-7",
                            "readings": 431,
                            "flagged": 12,
                            "expected": 10.4,
                            "ratio": 1.154,
                            "ratio_ci": [0.596, 2.016],
                            "withheld": None,
                        }
                    ],
                }
            ]
        }
    )

    audit: uuid.UUID | None
    minimum: int = Field(description="Readings below which a reader's figures are withheld.")
    readers: list[AuditedReader]


_FLAG: dict[str, JsonValue] = {
    "id": FLAG_ID,
    "rank": 1,
    "label_rank": 1,
    "ecg_id": ECG_ID,
    "label": "aflutter",
    "name": "Atrial Flutter",
    "says": "absent",
    "evidence": 0.981,
    "weight": "major",
    "score": 2.943,
    "against": [
        {
            "kind": "model",
            "words": "A model that knows no ECG of this patient gives 97 % that an expert states it; where over-reads "
            "do not state it, it gives 2 % on average.",
            "log_odds": 3.48,
        },
        {"kind": "others", "words": "1 of 1 other readers of this ECG states it.", "log_odds": 4.1},
    ],
    "overread": {
        "text": "Sinus rhythm",
        "codes": None,
        "report_id": "3d2f1e0c-8b7a-4c6d-9e5f-4a3b2c1d0e0f",
        "reader": "reader-7",
        "authored_at": "2026-05-02T08:10:00.120331Z",
        "current": True,
    },
    "machine": {"text": "Atrial flutter", "codes": None},
    "decision": None,
}
FlagDetail.model_config["json_schema_extra"] = {"examples": [{**_FLAG, "decision": DECIDED, "decisions": [DECIDED]}]}
FlagPage.model_config["json_schema_extra"] = {
    "examples": [
        {
            "audit": {
                "id": AUDIT_ID,
                "discrepancy_model": MODEL_ID,
                "vocabulary": "overread-2",
                "simulated": False,
                "readings": 18240,
                "created_at": "2026-05-06T09:00:00.402117Z",
                "stale": [],
                "labels": [
                    {
                        "label": "aflutter",
                        "name": "Atrial Flutter",
                        "weight": "major",
                        "present": 421,
                        "absent": 17819,
                        "wrongly_present": 31.2,
                        "wrongly_absent": 58.0,
                        "usual_present": 0.714,
                        "usual_absent": 0.021,
                        "flags": 73,
                    }
                ],
            },
            "items": [_FLAG],
            "next_cursor": 1,
        }
    ]
}
