"""Requests for training, and models as the API shows them."""

import uuid
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from app.kit.text import Name
from app.models.tables import Model
from ml.training.configuration import Config, Options, ParadigmName, Preset

SUPERVISED: dict[str, JsonValue] = {
    "paradigm": "supervised",
    "dataset": "0e0158a9-cee3-46ff-815a-f0fed70cb390",
    "label_source": "overread",
    "preset": "tiny",
    "overrides": {"epochs": 14, "batch_size": 32, "learning_rate": 0.003},
}

TRAINED: dict[str, JsonValue] = {
    "id": "0b391c93-3502-4cd8-86fd-bb2499ffc407",
    "name": "supervised-tiny-0b391c93",
    "origin": "trained",
    "job_id": "0b391c93-3502-4cd8-86fd-bb2499ffc407",
    "dataset_id": "0e0158a9-cee3-46ff-815a-f0fed70cb390",
    "paradigm": "supervised",
    "preset": "tiny",
    "label_source": "overread",
    "weights_sha256": "a35695b22b2cf1757f915bb30e71aae767198d6028565be45fee993caed40ce5",
    "promoted": True,
    "holds_erased": False,
    "created_at": "2026-03-02T08:52:07.805541Z",
    "metrics": {
        "overread": {
            "macro_labels": 1,
            "macro_over": ["aflutter"],
            "macro_auroc": 0.941,
            "macro_auroc_ci": [0.918, 0.96],
            "macro_auprc": 0.846,
            "macro_auprc_ci": [0.812, 0.893],
        },
        "machine": {
            "macro_labels": 1,
            "macro_over": ["aflutter"],
            "macro_auroc": 0.92,
            "macro_auroc_ci": [0.889, 0.945],
            "macro_auprc": 0.698,
            "macro_auprc_ci": [0.661, 0.771],
        },
    },
}

MANIFEST: dict[str, JsonValue] = {
    "format": 1,
    "created_at": "2026-03-02T08:52:07.311902Z",
    "paradigm": "supervised",
    "architecture": "resnet1d",
    "preset": "tiny",
    "encoder": {"blocks": [1, 1, 1, 1], "width": 12},
    "text": None,
    "labels": [
        {
            "key": "sinus_rhythm",
            "name": "Sinus Rhythm",
            "threshold": 0.3791,
            "threshold_rule": "max_f1",
            "thresholds": {"max_f1": 0.3791, "youden": 0.5524, "sensitivity": 0.5138},
            "slope": 1.27,
            "bias": 0.331,
            "knots": [],
            "calibration_rule": "platt",
        }
    ],
    "preprocessing": {
        "target_rate_hz": 250.0,
        "window_s": 10.0,
        "high_pass_hz": 0.5,
        "notch_hz": [50.0, 60.0],
        "notch_q": 30.0,
        "padding": "symmetric",
        "antialias": False,
    },
    "dataset_sha256": "b896df7e6f2aef9c620d205fbdbf3efa563977ff7ed214c744ede002d08e629b",
    "dataset": {"windows": 500, "ecgs": 500, "patients": 401, "simulated": 0, "sites": 1},
    "attribution": "",
    "training": {"epochs": 14, "seed": 0, "best_epoch": 10, "best_validation_macro_auprc": 0.834, "ended_after": 14},
    "metrics": TRAINED["metrics"],
    "versions": {"python": "3.11.7", "overread": "0.1.0", "torch": "2.13.0"},
    "weights_sha256": "a35695b22b2cf1757f915bb30e71aae767198d6028565be45fee993caed40ce5",
    "files": {"card.md": "3191a3521cc2e920701b979384eb0df47ee8413541b026ad9946fb58852c4565"},
}


class Overrides(Options):
    """Options that differ from the preset; absent: the preset's. The keys are those of `python -m ml train`."""


class TrainingIn(BaseModel):
    """A model to train."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                SUPERVISED,
                {
                    "paradigm": "negclip",
                    "dataset": "0e0158a9-cee3-46ff-815a-f0fed70cb390",
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
    unlabelled: uuid.UUID | None = Field(default=None, description="A dataset for self-training, without labels.")
    start_from: uuid.UUID | None = Field(default=None, description="A model whose weights training starts from.")
    overrides: Overrides = Overrides()

    @model_validator(mode="after")
    def _can_be_trained(self) -> Self:
        try:
            self.config()
        except ValidationError as error:
            raise ValueError("; ".join(each["msg"].removeprefix("Value error, ") for each in error.errors())) from None
        return self

    def config(
        self,
        *,
        dataset: Path = Path("dataset"),
        unlabelled: Path = Path("unlabelled"),
        start_from: Path = Path("bundle"),
    ) -> Config:
        """Return the run's configuration, with the folders of what it names."""
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

    model_config = ConfigDict(json_schema_extra={"examples": [TRAINED]})

    id: uuid.UUID
    name: str
    origin: Literal["trained", "shipped", "uploaded"] = Field(
        description="Trained here, shipped with the release, or uploaded as a bundle."
    )
    job_id: uuid.UUID | None = Field(description="null unless the model was trained here")
    dataset_id: uuid.UUID | None
    paradigm: str
    preset: str
    label_source: str
    weights_sha256: str
    promoted: bool
    holds_erased: bool = Field(description="Whether an ECG that it was trained on was erased since: train it again.")
    created_at: datetime
    metrics: dict[str, Any] = Field(description="Macro metrics on the test split, against each source.")

    @classmethod
    def of(cls, model: Model) -> Self:
        """Return a stored model as it is shown."""
        return cls(
            id=model.id,
            name=model.name,
            origin=model.origin,
            job_id=model.job_id,
            dataset_id=model.dataset_id,
            paradigm=model.paradigm,
            preset=model.preset,
            label_source=model.label_source,
            weights_sha256=model.weights_sha256,
            promoted=model.promoted,
            holds_erased=model.holds_erased,
            created_at=model.created_at,
            metrics=model.metrics,
        )


class ModelCard(ModelOut):
    """A model with its manifest: architecture, labels, preprocessing, thresholds, calibration, metrics."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**TRAINED, "manifest": MANIFEST}]})

    manifest: dict[str, Any]
