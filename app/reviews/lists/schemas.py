"""What review lists look like outside."""

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from app.kit.text import Name
from app.kit.times import Time

Mode = Literal["blind", "assisted"]

LIST_ID = "3f1c0a52-5a3e-4a55-9d0c-0b2c8a3f6a11"


class ByPrediction(BaseModel):
    """ECGs whose machine report an expert will probably change, the weightiest changes first, by the discrepancy model
    in use; then ECGs of which it has not been asked, by how much the promoted model differs from the report."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["predicted_change"]


class ByRarity(BaseModel):
    """ECGs with the rarest machine statements first."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["rarity"]


class ByAge(BaseModel):
    """ECGs that nobody has over-read, the oldest recording first."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["age"]


class AtRandom(BaseModel):
    """A random sample, the same for the same seed."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["random"]
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0


class ByChange(BaseModel):
    """ECGs to which the over-read has added a label, or from which it has removed one; the newest recording first.

    Only in assisted lists: who reads some of them blind knows what the machine says of the label in the others.
    """

    model_config = ConfigDict(extra="forbid")
    kind: Literal["added", "removed"]
    label: Annotated[Name, Field(description="A label of the active vocabulary.")]


Rule = Annotated[ByPrediction | ByRarity | ByAge | AtRandom | ByChange, Field(discriminator="kind")]


class Filters(BaseModel):
    """Which ECGs a list may hold. All have a waveform."""

    model_config = ConfigDict(extra="forbid")

    recorded_from: Time | None = None
    recorded_to: Time | None = None
    site: Name | None = None
    device: Name | None = None
    simulated: bool | None = Field(default=None, description="By default real ECGs where there are any.")
    only_unread: bool = Field(default=False, description="Only ECGs without an over-read.")


class ListIn(BaseModel):
    """A list to be made: the ECGs are chosen now, once."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "Predicted changes, May",
                    "mode": "blind",
                    "rule": {"kind": "predicted_change"},
                    "filters": {"site": "north"},
                    "ecgs": 200,
                    "readings": 2,
                    "repeat_share": 0.05,
                    "repeat_after_days": 28,
                    "gold_share": 0.05,
                    "claim_minutes": 60,
                }
            ]
        },
    )

    name: Annotated[Name, Field(description="Readers see it, also those who read blind.")]
    mode: Mode
    rule: Rule
    filters: Filters = Field(default_factory=Filters)
    ecgs: Annotated[int, Field(ge=1, le=5_000, description="Most ECGs that it holds.")] = 200
    readings: Annotated[int, Field(ge=1, le=2, description="By how many readers each ECG is read.")] = 1
    repeat_share: Annotated[
        float, Field(ge=0, le=1, description="Share of claims that are an ECG the reader has read before.")
    ] = 0.0
    repeat_after_days: Annotated[int, Field(ge=0, le=3_650, description="How long ago, at least.")] = 28
    gold_share: Annotated[float, Field(ge=0, le=1, description="Share of claims that are a gold ECG.")] = 0.0
    claim_minutes: Annotated[
        int, Field(ge=1, le=1_440, description="After how long without a saved draft an item is free again.")
    ] = 60

    @model_validator(mode="after")
    def _shares(self) -> Self:
        if self.repeat_share + self.gold_share > 1:
            raise ValueError("repeat_share and gold_share are at most 1 together")
        return self


class ListCounts(BaseModel):
    """Readings of a list by state, without repeats and gold."""

    open: int
    claimed: int
    signed: int
    adjudications_open: int = Field(description="ECGs whose two readings differ and that nobody has decided.")


class Mine(BaseModel):
    """What the user who asks has to do with a list."""

    signed: int = Field(description="Readings that you have signed in it.")
    open_item: uuid.UUID | None = Field(description="The item of it that you hold.")


LIST: dict[str, JsonValue] = {
    "id": LIST_ID,
    "name": "Predicted changes, May",
    "mode": "blind",
    "readings": 2,
    "claim_minutes": 60,
    "created_by": "core-lab",
    "created_at": "2026-05-02T08:00:00.120331Z",
    "closed_at": None,
    "ecgs": 200,
    "counts": {"open": 350, "claimed": 2, "signed": 48, "adjudications_open": 1},
    "mine": {"signed": 12, "open_item": None},
    "rule": {"kind": "predicted_change"},
    "filters": {"site": "north", "simulated": False, "only_unread": False},
    "weights": {"afib": "major", "lad": "minor"},
    "repeat_share": 0.05,
    "repeat_after_days": 28,
    "gold_share": 0.05,
}


class ListOut(BaseModel):
    """A list and how far it is. How its ECGs were chosen is shown to researchers, and not while they read blind."""

    model_config = ConfigDict(json_schema_extra={"examples": [LIST]})

    id: uuid.UUID
    name: str
    mode: Mode
    readings: int
    claim_minutes: int
    created_by: str
    created_at: datetime
    closed_at: datetime | None
    ecgs: int
    counts: ListCounts
    mine: Mine
    rule: dict[str, Any] | None
    filters: dict[str, Any] | None
    weights: dict[str, str] | None = Field(description="What a change of each label weighed when ECGs were chosen.")
    repeat_share: float | None
    repeat_after_days: int | None
    gold_share: float | None


class ListPage(BaseModel):
    """Lists, newest first."""

    items: list[ListOut]
