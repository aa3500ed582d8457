"""Requests for discrepancy models, and discrepancy models as the API shows them."""

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.kit.text import Name

MOST_PAIRS = 500_000

ASKED: dict[str, JsonValue] = {"name": "changes-2026", "pairs": 100000, "seed": 0}

_METHODS: dict[str, JsonValue] = {
    "model": {"auroc": 0.952, "auroc_ci": [0.931, 0.969], "auprc": 0.617, "auprc_ci": [0.551, 0.684]},
    "prior": {"auroc": 0.561, "auroc_ci": [0.534, 0.588], "auprc": 0.058, "auprc_ci": [0.049, 0.069]},
    "difference": {"auroc": 0.931, "auroc_ci": [0.906, 0.953], "auprc": 0.508, "auprc_ci": [0.442, 0.577]},
    "machine_only": {"auroc": 0.702, "auroc_ci": [0.664, 0.739], "auprc": 0.113, "auprc_ci": [0.089, 0.144]},
    "measurements_only": {"auroc": 0.841, "auroc_ci": [0.812, 0.87], "auprc": 0.274, "auprc_ci": [0.223, 0.335]},
}
_GAIN: dict[str, JsonValue] = {
    "value": 0.617,
    "other": 0.508,
    "difference": 0.109,
    "difference_ci": [0.07, 0.151],
    "p": 0.004,
}
_PART: dict[str, JsonValue] = {
    "pairs": 5210,
    "patients": 4480,
    "methods": list(_METHODS),
    "labels": {
        "afib": {
            "added": {
                "pairs": 4871,
                "changes": 132,
                "methods": _METHODS,
                "calibration": {"predicted": 0.026, "observed": 0.027, "brier": 0.015, "ece": 0.004},
            },
            "removed": {"pairs": 339, "changes": 21, "reason": "not enough: fewer than 50 changes"},
        }
    },
    "macro": {
        "statements": [{"label": "afib", "direction": "added"}],
        "methods": _METHODS,
        "differences": {"difference": {"auroc": {**_GAIN, "value": 0.952, "other": 0.931}, "auprc": _GAIN}},
    },
    "against": "difference",
    "verdict": "better",
}
_SPLIT: JsonValue = {
    "how": "later",
    "held_out_from": "2026-03-14T09:20:11Z",
    "fitted": 14800,
    "fitted_patients": 11920,
    "held_out": 5210,
    "held_out_patients": 4480,
    "left_out": 1090,
}
MADE: dict[str, JsonValue] = {
    "id": "4a4b8f0e-6c53-4a83-8f6f-0d7f2f0a9c11",
    "job_id": "4a4b8f0e-6c53-4a83-8f6f-0d7f2f0a9c11",
    "name": "changes-2026",
    "vocabulary": "overread-2",
    "model": "0b391c93-3502-4cd8-86fd-bb2499ffc407",
    "simulated": False,
    "pairs": 21100,
    "with_logits": 18300,
    "split": _SPLIT,
    "verdicts": {"held_out": "better", "out_of_fold": "better"},
    "stale": [],
    "in_use": True,
    "holds_erased": 0,
    "created_at": "2026-06-02T08:30:19.640377Z",
}


class DiscrepancyModelIn(BaseModel):
    """What a discrepancy model shall learn from."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [ASKED]})

    name: Name | None = None
    model: uuid.UUID | None = Field(
        default=None, description="The model whose logits it reads; absent: the one that answers predictions."
    )
    pairs: Annotated[int, Field(ge=200, le=MOST_PAIRS)] = Field(
        default=100_000, description="Most pairs that it learns from: those of the newest recordings."
    )
    simulated: bool | None = Field(default=None, description="By default real ECGs where there are any.")
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0


Stale = Literal["vocabulary", "model"]
Verdict = Literal["better", "no better", "worse", "not enough"]


class ChangeVerdicts(BaseModel):
    """Whether its macro AUPRC is above that of |p - machine|: by the interval of the difference."""

    held_out: Verdict = Field(description="On pairs of other patients, and later ones where times are known.")
    out_of_fold: Verdict = Field(description="On the pairs that it was fitted on, by trees without their patients.")


class DiscrepancyModelOut(BaseModel):
    """A discrepancy model."""

    model_config = ConfigDict(json_schema_extra={"examples": [MADE]})

    id: uuid.UUID
    job_id: uuid.UUID
    name: str
    vocabulary: str = Field(description="The vocabulary whose labels it knows.")
    model: uuid.UUID | None = Field(description="The model whose logits it reads.")
    simulated: bool = Field(description="Whether it learned from simulated ECGs; it is asked about these alone.")
    pairs: int
    with_logits: int = Field(description="Pairs with a usable waveform.")
    split: dict[str, Any] = Field(
        description="How pairs were held out: `later` (other patients, from `held_out_from` on) or `patients`."
    )
    verdicts: ChangeVerdicts
    stale: list[Stale] = Field(
        description="Why it is not asked any more: another vocabulary is active, another model answers predictions."
    )
    in_use: bool = Field(description="Whether predictions of the model that answers now are shown with its words.")
    holds_erased: int = Field(description="ECGs of it that were erased since: make another one, and delete this.")
    created_at: datetime


class DiscrepancyModelTable(DiscrepancyModelOut):
    """A discrepancy model with its table."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{**MADE, "table": {"held_out": _PART, "out_of_fold": _PART}}]}
    )

    table: dict[str, Any] = Field(
        description="On held-out and on out-of-fold pairs: for each label and direction AUROC and AUPRC with 95 % "
        "intervals, of the model and of four baselines; the means; and the differences on the same draws of patients."
    )
