"""What datasets look like outside."""

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from app.kit.text import Name


class Fractions(BaseModel):
    """Shares of the patients in each split."""

    model_config = ConfigDict(extra="forbid")

    train: Annotated[float, Field(gt=0, lt=1)] = 0.64
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.16
    test: Annotated[float, Field(gt=0, lt=1)] = 0.20

    @model_validator(mode="after")
    def _sum(self) -> Self:
        if abs(self.train + self.validation + self.test - 1) > 1e-6:
            raise ValueError("must add up to 1")
        return self


class DatasetIn(BaseModel):
    """Which ECGs to freeze, and how to split them."""

    model_config = ConfigDict(
        extra="forbid",
        populate_by_name=True,
        json_schema_extra={"examples": [{"name": "north-2026", "site": "north", "seed": 7}]},
    )

    name: Name
    recorded_from: AwareDatetime | None = Field(default=None, alias="from")
    recorded_to: AwareDatetime | None = Field(default=None, alias="to")
    site: Name | None = None
    device: Name | None = None
    overread: Literal["required", "absent"] = Field(
        default="required",
        description="Take the ECGs that have a current over-read, or those that have none (for self-training).",
    )
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    fractions: Fractions = Fractions()


class DatasetOut(BaseModel):
    """A frozen dataset."""

    id: uuid.UUID
    job_id: uuid.UUID
    name: str
    content_sha256: str
    vocabulary: str
    request: dict[str, Any]
    summary: dict[str, Any] = Field(description="Windows, ECGs and patients; positives per split and label.")
    created_at: datetime
