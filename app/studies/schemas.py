"""What a study is asked for."""

import uuid

from pydantic import ConfigDict

from ml.study.configuration import Plan


class StudyIn(Plan):
    """A study to carry out on a dataset."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "title": "Machine labels or over-reads",
                    "dataset": "5b2c1b0e-0000-4000-8000-000000000000",
                    "preset": "tiny",
                    "seeds": [0, 1],
                    "overrides": {"epochs": 12, "batch_size": 32, "learning_rate": 0.003},
                }
            ]
        },
    )

    dataset: uuid.UUID
    unlabelled: uuid.UUID | None = None

    def plan(self) -> Plan:
        """Leave out what it is carried out on."""
        return Plan.model_validate(self.model_dump(exclude={"dataset", "unlabelled"}))
