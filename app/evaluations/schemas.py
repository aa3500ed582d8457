"""Requests for evaluations, and examples of their results."""

import uuid

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from ml.corpus.sources import HEDGED, Hedged, MeasuredOn

TWO_MODELS: dict[str, JsonValue] = {
    "model": "0b391c93-3502-4cd8-86fd-bb2499ffc407",
    "compare_with": "dbc8c7bb-86d3-46f5-8a1b-2888b0529435",
    "dataset": "0e0158a9-cee3-46ff-815a-f0fed70cb390",
}

_CURVES: JsonValue = {
    "roc": {"value": [0.571], "low": [0.286], "high": [0.857]},
    "pr": {"value": [1.0], "low": [0.75], "high": [1.0]},
}
_RANKED: dict[str, JsonValue] = {
    "windows": 100,
    "positives": 14,
    "auroc": 0.962,
    "auroc_ci": [0.921, 0.99],
    "auprc": 0.871,
    "auprc_ci": [0.719, 0.962],
    "undefined": {},
}
_FLUTTER: dict[str, JsonValue] = {
    **_RANKED,
    "curves": _CURVES,
    "brier": 0.041,
    "ece": 0.038,
    "reliability": {"rows": [79], "predicted": [0.021], "observed": [0.013]},
    "at_threshold": {
        "threshold": 0.412,
        "true_positive": 11,
        "false_positive": 2,
        "false_negative": 3,
        "true_negative": 84,
        "sensitivity": 0.786,
        "specificity": 0.977,
        "ppv": 0.846,
        "npv": 0.966,
        "f1": 0.815,
        "undefined": {},
    },
}
_MACRO: dict[str, JsonValue] = {
    "windows": 100,
    "patients": 80,
    "macro_labels": 1,
    "macro_over": ["aflutter"],
    "macro_auroc": 0.941,
    "macro_auroc_ci": [0.918, 0.96],
    "macro_auprc": 0.846,
    "macro_auprc_ci": [0.812, 0.893],
    "undefined": {},
}
_DIFFERENCE: JsonValue = {
    "value": 0.941,
    "other": 0.907,
    "difference": 0.034,
    "difference_ci": [0.009, 0.061],
    "p": 0.01,
}

MEASURED: dict[str, JsonValue] = {
    "split": "test",
    "dataset_sha256": "b896df7e6f2aef9c620d205fbdbf3efa563977ff7ed214c744ede002d08e629b",
    "hedged": "positive",
    "seen_patients": {
        "patients": 129,
        "model": 49,
        "compare_with": 0,
        "excluded": 49,
        "note": "49 of 129 patients were in training. They are left out of every figure.",
    },
    "overread": {
        **_MACRO,
        "curve_grid": [0.0],
        "macro_curves": _CURVES,
        "labels": {"aflutter": _FLUTTER},
        "subgroups": [{"attribute": "site", "group": "north", **_MACRO, "labels": {"aflutter": _RANKED}}],
    },
    "machine": {
        **_MACRO,
        "macro_auroc": 0.92,
        "macro_auroc_ci": [0.889, 0.945],
        "macro_auprc": 0.698,
        "macro_auprc_ci": [0.661, 0.771],
        "curve_grid": [0.0],
        "macro_curves": _CURVES,
        "labels": {},
    },
    "comparison": {"overread": {"macro": {"auroc": _DIFFERENCE}}},
}

MEASURED_CSV = """\
reading,attribute,group,label,windows,positives,metric,value,low,high,undefined,macro_over
overread,all,all,macro,100,,auroc,0.941,0.918,0.96,,aflutter
"""


class EvaluationIn(BaseModel):
    """A model to measure on a dataset or a split of it, against both sources of labels."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [TWO_MODELS]},
    )

    model: uuid.UUID
    compare_with: uuid.UUID | None = Field(
        default=None, description="Another model, for differences by paired bootstrap and DeLong's test."
    )
    dataset: uuid.UUID
    split: MeasuredOn = Field(
        default="test", description="`all`: every ECG of the dataset, as for one that the model was not trained on."
    )
    hedged: Hedged = Field(default=HEDGED, description="What an uncertain finding counts as.")
