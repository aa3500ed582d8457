"""What training and models look like outside."""

import uuid
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from app.kit.text import Name
from ml.configuration import Config, Options, ParadigmName, Preset


class Overrides(Options):
    """What to train differently from the preset: the options of `python -m ml train`, each within its bounds."""


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
                },
                {
                    "paradigm": "negclip",
                    "dataset": "5b2c1b0e-0000-4000-8000-000000000000",
                    "preset": "laptop",
                    "overrides": {"contrastive": {"targets": "masked"}},
                },
            ]
        },
    )

    name: Name | None = None
    paradigm: ParadigmName = "supervised"
    dataset: uuid.UUID
    label_source: Literal["overread", "machine"] = "overread"
    preset: Preset = "paper"
    unlabelled: uuid.UUID | None = Field(default=None, description="A dataset for self-training; labels are not read.")
    start_from: uuid.UUID | None = Field(default=None, description="A model whose weights are the first ones.")
    overrides: Overrides = Overrides()

    @model_validator(mode="after")
    def _can_be_trained(self) -> Self:
        try:
            self.config(Path("dataset"), Path("unlabelled"), Path("bundle"))
        except ValidationError as error:
            raise ValueError("; ".join(each["msg"].removeprefix("Value error, ") for each in error.errors())) from None
        return self

    def config(self, dataset: Path, unlabelled: Path, start_from: Path) -> Config:
        """Give the run's configuration, with the folders of what the request names."""
        folders = {"dataset": dataset}
        folders |= {"unlabelled": unlabelled} if self.unlabelled is not None else {}
        folders |= {"start_from": start_from} if self.start_from is not None else {}
        return Config.model_validate(
            {
                "paradigm": self.paradigm,
                "preset": self.preset,
                "label_source": self.label_source,
                **folders,
                **self.overrides.model_dump(exclude_unset=True),
            }
        )


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
