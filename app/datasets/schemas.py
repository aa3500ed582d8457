"""Requests for datasets, and datasets as the API shows them."""

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from app.disagreement.counting.selection import PairFilter
from app.disagreement.off_hours import OffHours
from app.disagreement.written import from_parameters
from app.kit.text import Name
from app.kit.times import TimeWithOffset
from ml.corpus.split_rules import FRACTIONS, ByPatient, SplitRule

NORTH: dict[str, Any] = {"name": "north-2026", "site": "north", "seed": 7}
FROZEN: dict[str, Any] = {
    **NORTH,
    "overread": "required",
    "fractions": dict(zip(("train", "validation", "test"), FRACTIONS, strict=True)),
    "split": {"by": "patient"},
    "statements": "codes",
}
BY_FOLD: dict[str, Any] = {"name": "ptb-xl", "split": {"by": "fold", "validation": [9], "test": [10]}}


class Fractions(BaseModel):
    """Shares of the patients (of the ECGs, where the split is by record) in each split."""

    model_config = ConfigDict(extra="forbid")

    train: Annotated[float, Field(gt=0, lt=1)] = FRACTIONS[0]
    validation: Annotated[float, Field(gt=0, lt=1)] = FRACTIONS[1]
    test: Annotated[float, Field(gt=0, lt=1)] = FRACTIONS[2]

    @model_validator(mode="after")
    def _sum(self) -> Self:
        if abs(self.train + self.validation + self.test - 1) > 1e-6:
            raise ValueError("must add up to 1")
        return self

    def in_order(self) -> tuple[float, float, float]:
        """Return train, validation and test."""
        return self.train, self.validation, self.test


class ChoiceIn(BaseModel):
    """Which ECGs a dataset takes."""

    model_config = ConfigDict(
        extra="forbid",
        populate_by_name=True,
        json_schema_extra={"examples": [{"site": "north"}, {"filters": {"sex": "female", "qrs_ms_min": 120}}]},
    )

    recorded_from: TimeWithOffset | None = Field(default=None, alias="from")
    recorded_to: TimeWithOffset | None = Field(default=None, alias="to")
    site: Name | None = None
    device: Name | None = None
    overread: Literal["required", "absent"] = Field(
        default="required",
        description="Take ECGs with a current over-read, or ECGs without one (for self-training).",
    )
    simulated: bool | None = Field(
        default=None,
        description="Take real ECGs (false) or simulated ones (true). Absent: real ones, where there are any.",
    )
    filters: dict[str, JsonValue] | None = Field(
        default=None,
        max_length=50,
        description="Filters of the disagreement table, by the names of its parameters: of the ECGs that have both "
        "readings. `simulated` stands beside them.",
    )

    @model_validator(mode="after")
    def _filters_of_pairs(self) -> Self:
        if self.filters is None:
            return self
        if self.overread == "absent":
            raise ValueError("filters: they choose among ECGs with both readings; without an over-read there are none")
        if "simulated" in self.filters:
            raise ValueError("filters: give `simulated` beside them")
        try:
            self.pairs(OffHours())
        except ValidationError as error:
            said = (f"filters.{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()[:5])
            raise ValueError("; ".join(said)) from None
        return self

    def pairs(self, off_hours: OffHours) -> PairFilter | None:
        """Return the filters of pairs, None where ECGs are chosen without them."""
        return None if self.filters is None else from_parameters(self.filters, off_hours)


class DatasetIn(ChoiceIn):
    """Which ECGs to freeze, and how to split them."""

    model_config = ConfigDict(json_schema_extra={"examples": [NORTH, BY_FOLD]})

    name: Name
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    fractions: Fractions = Field(
        default=Fractions(), description="Where `split` names the ECGs of a split, its share has no meaning."
    )
    split: SplitRule = Field(default_factory=ByPatient, description="How the ECGs are divided. Absent: by patient.")
    statements: Literal["codes", "words"] = Field(
        default="codes",
        description="What CLIP and NegCLIP read of a reading with codes and words; its labels are the codes'.",
    )


class ChoiceCount(BaseModel):
    """How many ECGs a dataset would take, if it were frozen now."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"ecgs": 500, "patients": 401, "more": False, "simulated": False}]}
    )

    ecgs: int = Field(description="ECGs with a waveform and, where asked, a current over-read.")
    patients: int = Field(description="Their patients; an ECG without a patient number is a patient of its own.")
    more: bool = Field(description="Whether there are more: so many are counted and no more.")
    simulated: bool = Field(description="Whether they are simulated or real ones.")


class DatasetOut(BaseModel):
    """A frozen dataset."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0e0158a9-cee3-46ff-815a-f0fed70cb390",
                    "job_id": "0e0158a9-cee3-46ff-815a-f0fed70cb390",
                    "name": "north-2026",
                    "content_sha256": "b896df7e6f2aef9c620d205fbdbf3efa563977ff7ed214c744ede002d08e629b",
                    "vocabulary": "overread-2",
                    "request": FROZEN,
                    "summary": {
                        "windows": 500,
                        "ecgs": 500,
                        "patients": 401,
                        "splits": {
                            "train": {"windows": 318, "positives": {"aflutter": 43}},
                            "validation": {"windows": 82, "positives": {"aflutter": 11}},
                            "test": {"windows": 100, "positives": {"aflutter": 14}},
                        },
                        "shared_patients": 0,
                        "simulated": False,
                        "left_out": {},
                    },
                    "holds_erased": 0,
                    "created_at": "2026-03-02T08:30:19.640377Z",
                }
            ]
        }
    )

    id: uuid.UUID
    job_id: uuid.UUID
    name: str
    content_sha256: str
    vocabulary: str
    request: dict[str, Any]
    summary: dict[str, Any] = Field(
        description="Windows, ECGs, patients, and positives by split and label; how many patients are in two "
        "splits; whether the ECGs are simulated; how many were left out, by reason."
    )
    holds_erased: int = Field(
        description="ECGs of it that were erased since it was frozen: `POST /v1/datasets/{id}/rebuild` leaves them out."
    )
    created_at: datetime
