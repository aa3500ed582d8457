"""Erasures as the API shows them."""

import uuid
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.erasures.tables import Erasure

ERASED: dict[str, Any] = {
    "id": "7b5a2f0e-3a55-4d0a-9f2a-2f8c6d1f0a11",
    "what": "patient",
    "actor": "dr-admin",
    "ecgs": 3,
    "reports": 6,
    "texts": 4,
    "predictions": 1,
    "datasets": ["0e0158a9-cee3-46ff-815a-f0fed70cb390"],
    "models": ["a1b51c0f-45b0-4a36-9d43-5f0c5a3d5b11"],
    "discrepancy_models": [],
    "datasets_not_known": [],
    "created_at": "2026-03-09T09:14:02.512311Z",
    "lifted_by": None,
    "lifted_at": None,
}


class ErasureOut(BaseModel):
    """What an erasure deleted, and what still holds it. It does not say what was erased."""

    model_config = ConfigDict(json_schema_extra={"examples": [ERASED]})

    id: uuid.UUID
    what: Literal["ecg", "patient"]
    actor: str
    ecgs: int = Field(description="ECGs that were deleted.")
    reports: int = Field(description="Reports of theirs, in every version.")
    texts: int = Field(description="Texts that no other report has.")
    predictions: int
    datasets: list[uuid.UUID] = Field(description="Frozen datasets that hold them: rebuild these.")
    models: list[uuid.UUID] = Field(
        description="Models that were trained on such a dataset, or go on from such a model."
    )
    discrepancy_models: list[uuid.UUID] = Field(
        description="Discrepancy models that hold their pairs: make these again, and delete the old ones."
    )
    datasets_not_known: list[uuid.UUID] = Field(
        description="Datasets of a release that did not write down which ECGs a dataset holds: look, or rebuild them."
    )
    created_at: datetime
    lifted_by: str | None = Field(description="Who let the same data be stored again; null: it is refused.")
    lifted_at: datetime | None

    @classmethod
    def of(cls, row: Erasure, datasets_not_known: list[uuid.UUID]) -> "ErasureOut":
        """Return a stored erasure as it is shown."""
        names = [name for name in cls.model_fields if name != "datasets_not_known"]
        return cls(**{name: getattr(row, name) for name in names}, datasets_not_known=datasets_not_known)
