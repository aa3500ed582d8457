"""What an evaluation is asked for."""

import uuid
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class EvaluationIn(BaseModel):
    """A model to measure on a dataset, against both readings."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "model": "5b2c1b0e-0000-4000-8000-000000000001",
                    "compare_with": "5b2c1b0e-0000-4000-8000-000000000002",
                    "dataset": "5b2c1b0e-0000-4000-8000-000000000000",
                }
            ]
        },
    )

    model: uuid.UUID
    compare_with: uuid.UUID | None = Field(
        default=None, description="Another model, for differences by paired bootstrap and DeLong's test."
    )
    dataset: uuid.UUID
    split: Literal["train", "validation", "test"] = "test"
    hedged: Literal["positive", "negative", "ignore"] | None = Field(
        default=None, description="What an uncertain finding counts as; as in the model's training unless given."
    )
