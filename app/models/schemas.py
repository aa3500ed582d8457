"""What training and models look like outside."""

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.kit.text import Name


class Overrides(BaseModel):
    """What to train differently from the paper's setting."""

    model_config = ConfigDict(extra="forbid")

    epochs: Annotated[int, Field(ge=1, le=1000)] = 100
    batch_size: Annotated[int, Field(ge=2, le=4096)] = 512
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 1e-4
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 1e-4
    patience: Annotated[int, Field(ge=1, le=1000)] = 10
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    hedged: Literal["positive", "negative", "ignore"] = "positive"


class TrainingIn(BaseModel):
    """A model to train."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "paradigm": "supervised",
                    "dataset": "5b2c1b0e-0000-4000-8000-000000000000",
                    "label_source": "overread",
                    "preset": "tiny",
                    "overrides": {"epochs": 12, "batch_size": 32, "learning_rate": 0.003},
                }
            ]
        },
    )

    name: Name | None = None
    paradigm: Literal["supervised"] = "supervised"
    dataset: uuid.UUID
    label_source: Literal["overread", "machine"] = "overread"
    preset: Literal["resnet50", "small", "tiny"] = "resnet50"
    overrides: Overrides = Overrides()


class EvaluationIn(BaseModel):
    """A model to measure on a dataset, against both readings."""

    model_config = ConfigDict(extra="forbid")

    model: uuid.UUID
    dataset: uuid.UUID
    split: Literal["train", "validation", "test"] = "test"


class ModelOut(BaseModel):
    """A registered model."""

    id: uuid.UUID
    name: str
    job_id: uuid.UUID | None = Field(description="null for the model that came with the release")
    dataset_id: uuid.UUID | None
    paradigm: str
    preset: str
    label_source: str
    weights_sha256: str
    promoted: bool
    created_at: datetime
    metrics: dict[str, Any] = Field(description="Macro figures on the test split, against each reading.")


class ModelCard(ModelOut):
    """Everything the bundle says of itself: architecture, labels, preprocessing, thresholds, calibration, metrics."""

    manifest: dict[str, Any]
