"""What items of review lists and their readings look like outside."""

import uuid
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from app.ecgs.schemas import Sex
from app.kit.text import LongText, Name
from app.kit.times import Time
from app.predictions.schemas import ANSWERED, LabelPrediction, ModelReference
from app.reports.schemas import ENDS, OVERREAD, STARTS, FindingOut, StorableText
from app.reviews.lists.schemas import LIST_ID, Mode
from ml.deidentify import without_identifiers
from ml.labeling import Stance

ITEM_ID = "c2d4b6a8-1e3f-4c5d-8b7a-9f0e1d2c3b4a"


class ReviewStatement(BaseModel):
    """One statement of a reading, and the labels that are found in it."""

    start: int = Field(description=STARTS)
    end: int = Field(description=ENDS)
    text: str
    labels: list[str]


class ReadingOut(BaseModel):
    """What a reading says."""

    text: str = Field(description="What is labelled: of a report with codes these, one a line.")
    printed: str | None = Field(default=None, description="The words of a report that has codes as well.")
    findings: list[FindingOut]
    statements: list[ReviewStatement] = Field(description="The text taken apart, in its order.")
    stance: Stance


class FirstOut(ReadingOut):
    """A first reading, which stands as it was locked."""

    locked_at: datetime
    blinded: bool = Field(description="Whether the reader had been shown no reading of this ECG by then.")


class SignedOut(ReadingOut):
    """A signed reading."""

    version: int
    signed_at: datetime
    reason: str | None


class Draft(BaseModel):
    """A text as it was saved."""

    text: str
    saved_at: datetime


class ItemList(BaseModel):
    """The list that an item is of."""

    id: uuid.UUID
    name: str
    mode: Mode


class ItemEcg(BaseModel):
    """What a reader may know of an ECG at once."""

    age: float | None
    sex: Sex
    samples: int
    sampling_rate_hz: float
    duration_s: float
    simulated: bool


class ItemPrediction(BaseModel):
    """The newest stored answer of the model that answers predictions."""

    model: ModelReference
    labels: list[LabelPrediction]


class ShownOut(BaseModel):
    """What its reader was shown, and when first."""

    what: Literal["machine", "prediction", "others"]
    at: datetime


SAID: dict[str, JsonValue] = {
    "text": "Atrial flutter",
    "printed": None,
    "findings": OVERREAD["findings"],
    "statements": [{"start": 0, "end": 14, "text": "Atrial flutter", "labels": ["aflutter"]}],
    "stance": "read",
}
MACHINE: dict[str, JsonValue] = {
    "text": "Sinus rhythm",
    "printed": None,
    "findings": [
        {
            "label": "sinus_rhythm",
            "status": "present",
            "start": 0,
            "end": 12,
            "text": "Sinus rhythm",
            "cue": None,
            "cue_start": None,
            "cue_end": None,
        }
    ],
    "statements": [{"start": 0, "end": 12, "text": "Sinus rhythm", "labels": ["sinus_rhythm"]}],
    "stance": "read",
}
ITEM: dict[str, JsonValue] = {
    "id": ITEM_ID,
    "list": {"id": LIST_ID, "name": "Predicted changes, May", "mode": "blind"},
    "task": "read",
    "state": "locked",
    "claim_expires_at": "2026-05-04T10:05:00.311020Z",
    "reader": "reader-7",
    "ecg": {
        "age": 67.0,
        "sex": "female",
        "samples": 5000,
        "sampling_rate_hz": 500.0,
        "duration_s": 10.0,
        "simulated": False,
    },
    "waveform": f"/v1/reviews/items/{ITEM_ID}/waveform",
    "ecg_id": None,
    "machine": MACHINE,
    "prediction": {"model": ANSWERED["model"], "labels": ANSWERED["labels"]},
    "others": None,
    "draft": None,
    "drafts": [],
    "first": {**SAID, "locked_at": "2026-05-04T09:05:00.311020Z", "blinded": True},
    "signed": [],
    "shown": [{"what": "machine", "at": "2026-05-04T09:05:00.311020Z"}],
}


Readings = list[ReadingOut]  # a field of items is called `list`
Signed = list[SignedOut]
Drafts = list[Draft]
EverShown = list[ShownOut]


class ItemOut(BaseModel):
    """One reading that a user makes. Until a blind one is locked, nothing in it tells what anybody else reads."""

    model_config = ConfigDict(json_schema_extra={"examples": [ITEM]})

    id: uuid.UUID
    list: ItemList
    task: Literal["read", "adjudicate"]
    state: Literal["claimed", "locked", "signed"] = Field(
        description="`locked`: the first reading of a blind item stands, and the machine's is shown."
    )
    claim_expires_at: datetime | None
    reader: str = Field(description="Who reads it.")
    ecg: ItemEcg
    waveform: str = Field(description="Where its waveform is: with `stage` and `format`, as an ECG's.")
    ecg_id: uuid.UUID | None = Field(
        description="Null where it could show what others read: before a blind reading is locked, and until it is "
        "signed in a list with two readings."
    )
    machine: ReadingOut | None = Field(description="Null before a blind reading is locked, and where there is none.")
    prediction: ItemPrediction | None = Field(description="As `machine`.")
    others: Readings | None = Field(
        description="To adjudicate: both readings, without names and in an order that tells nothing."
    )
    draft: str | None
    drafts: Drafts = Field(description="What was saved, newest first, at most 20; none once it is signed.")
    first: FirstOut | None
    signed: Signed = Field(description="Every signed version, oldest first.")
    shown: EverShown


class Claim(BaseModel):
    """What a user is given to read."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"item": ITEM, "next": None}]})

    item: ItemOut | None = Field(description="Null: there is nothing for you to read in this list just now.")
    next: uuid.UUID | None = Field(description="An item whose waveform is probably wanted next.")


class Released(BaseModel):
    """An item that others may read now."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"id": ITEM_ID, "state": "open"}]})

    id: uuid.UUID
    state: Literal["open"]


class Open(BaseModel):
    """What a user holds."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"item": ITEM}]})

    item: ItemOut | None


DraftText = Annotated[LongText, AfterValidator(without_identifiers)]


class ReviewDraftIn(BaseModel):
    """A text that is not finished."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"text": "Atrial flu", "after": None}]})

    text: Annotated[DraftText, Field(description="It may be empty. Names and numbers of people are removed.")]
    after: Annotated[
        Time | None,
        Field(description="`saved_at` of the draft that this one follows, null of the first. Absent: of any."),
    ] = None


class ReviewDraftOut(BaseModel):
    """A saved draft."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "text": "Atrial flu",
                    "saved_at": "2026-05-04T09:03:00.311020Z",
                    "claim_expires_at": "2026-05-04T10:03:00.311020Z",
                }
            ]
        }
    )

    text: str
    saved_at: datetime
    claim_expires_at: datetime


class LockIn(BaseModel):
    """The first reading of an ECG that is read blind."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"text": "Atrial flutter"}]})

    text: StorableText


class SignIn(BaseModel):
    """The reading that a user answers for."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"text": "Atrial flutter", "reason": "F waves in V1"}]}
    )

    text: StorableText
    reason: Annotated[
        Annotated[Name, AfterValidator(without_identifiers)] | None,
        Field(description="Why: needed where it differs from the locked first reading, and for a later version."),
    ] = None
