"""Requests for studies, and examples of their files."""

import uuid

from pydantic import ConfigDict, JsonValue

from ml.study.configuration import Plan

MACHINE_OR_OVERREAD: dict[str, JsonValue] = {
    "title": "Machine labels or over-reads",
    "dataset": "0e0158a9-cee3-46ff-815a-f0fed70cb390",
    "preset": "tiny",
    "seeds": [0, 1],
    "overrides": {"epochs": 12, "batch_size": 32, "learning_rate": 0.003},
}


class StudyIn(Plan):
    """A study of a dataset."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [MACHINE_OR_OVERREAD]},
    )

    dataset: uuid.UUID
    unlabelled: uuid.UUID | None = None

    def plan(self) -> Plan:
        """Return the plan, without the datasets."""
        return Plan.model_validate(self.model_dump(exclude={"dataset", "unlabelled"}))


_EXAMPLE = StudyIn.model_validate(MACHINE_OR_OVERREAD)
STARTED: dict[str, JsonValue] = _EXAMPLE.model_dump(mode="json", exclude_none=True)

_AGAINST: dict[str, JsonValue] = {
    "macro_over": ["aflutter"],
    "macro": {
        "auroc": {"value": 0.979, "ci": [0.972, 0.987], "seed_sd": 0.001},
        "auprc": {"value": 0.943, "ci": [0.927, 0.962], "seed_sd": 0.004},
    },
    "labels": {
        "aflutter": {
            "auroc": {"value": 0.996, "ci": [0.989, 1.0], "seed_sd": 0.001},
            "auprc": {"value": 0.969, "ci": [0.919, 1.0], "seed_sd": 0.006},
        }
    },
    "macro_curves": {
        "roc": {"value": [0.612], "low": [0.548], "high": [0.701]},
        "pr": {"value": [1.0], "low": [1.0], "high": [1.0]},
    },
}

STUDY: dict[str, JsonValue] = {
    "title": "Machine labels or over-reads",
    "plan": _EXAMPLE.plan().model_dump(mode="json"),
    "dataset": {
        "sha256": "ecfd285d3c97c4a6b97de077639744a32d5f7f12332b9ff544bb4bf40ceada57",
        "windows": 1200,
        "ecgs": 1200,
        "patients": 958,
        "simulated": 1200,
        "sites": 1,
        "sexes": {"female": 588, "male": 612},
        "splits": {
            "test": {
                "windows": 240,
                "patients": 192,
                "overread": {"windows": 240, "positives": {"aflutter": 25}},
                "machine": {"windows": 240, "positives": {"aflutter": 12}},
            }
        },
    },
    "labels": [{"key": "aflutter", "name": "Atrial Flutter"}],
    "macro_over": ["aflutter"],
    "table_a1": [
        {
            "label": "aflutter",
            "name": "Atrial Flutter",
            "ecgs": 1200,
            "machine": 59,
            "overread": 124,
            "disagreement": 65,
            "added": 65,
            "removed": 0,
            "added_pct": 110.17,
            "removed_pct": 0.0,
        }
    ],
    "arms": [
        {
            "name": "supervised",
            "title": "Supervised",
            "options": {"paradigm": "supervised"},
            "grid": {},
            "runs": [
                {
                    "seed": 0,
                    "folder": "supervised-0-d82a78604fe5",
                    "weights_sha256": "5cff2d1ce8db754f9497a6bb4683be0dc13026952974fed9c695885704e7af08",
                    "best_epoch": 11,
                    "best_validation_macro_auprc": 0.951,
                    "ended_after": 12,
                }
            ],
            "overread": _AGAINST,
            "machine": {
                "macro_over": ["aflutter"],
                "macro": {
                    "auroc": {"value": 0.927, "ci": [0.909, 0.945], "seed_sd": 0.002},
                    "auprc": {"value": 0.641, "ci": [0.607, 0.702], "seed_sd": 0.006},
                },
                "labels": {},
                "macro_curves": {},
            },
        }
    ],
    "comparisons": [
        {
            "arm": "supervised_machine",
            "than": "supervised",
            "metric": "auprc",
            "label": "macro",
            "value": 0.869,
            "other": 0.943,
            "difference": -0.074,
            "difference_ci": [-0.091, -0.058],
            "p": 0.002,
        }
    ],
}

TABLE_CSV = """\
label,name,ecgs,machine,overread,disagreement,added,removed,added_pct,removed_pct
aflutter,Atrial Flutter,1200,59,124,65,65,0,110.17,0.0
"""
