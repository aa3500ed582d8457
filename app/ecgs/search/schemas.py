"""What a search for ECGs is asked with."""

from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from app.kit.text import Name


class NumbersIn(BaseModel):
    """Which patient's ECGs, or of which order, are searched for; both: that order of that patient."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"patient_id": "4711"}, {"order_id": "A-17"}]}
    )

    patient_id: Name | None = None
    order_id: Name | None = None

    @model_validator(mode="after")
    def _one_at_least(self) -> Self:
        if self.patient_id is None and self.order_id is None:
            raise ValueError("give patient_id or order_id")
        return self
