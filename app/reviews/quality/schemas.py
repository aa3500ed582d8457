"""What is said of readers, as the API shows it."""

import uuid
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.disagreement.schemas import FLUTTER, Confidence, LabelRow
from app.reports.schemas import Status
from app.reviews.lists.schemas import Mode
from app.reviews.schemas import ITEM_ID, SAID, ReadingOut
from ml.corpus.sources import Hedged

Withheld = Literal["too_few"] | None

WITHHELD = "Why nothing but the number of ECGs is shown; null: it is shown."

FEW: dict[str, JsonValue] = {"wrong": 3, "followed": None, "share": None, "share_ci": None, "withheld": "too_few"}
ENOUGH: dict[str, JsonValue] = {
    "wrong": 120,
    "followed": 41,
    "share": 0.3417,
    "share_ci": [0.2631, 0.4301],
    "withheld": None,
}
AFIB: dict[str, JsonValue] = {"label": "afib", "name": "Atrial Fibrillation"}


class Agreement(BaseModel):
    """A label's row; null below the minimum, and a kappa where all readings are positive, or all negative."""

    label: str
    name: str
    ecgs: int = Field(description="ECGs that are compared.")
    both: int | None
    kappa: float | None = Field(description="Cohen's kappa.")
    kappa_ci: Confidence
    withheld: Withheld = Field(description=WITHHELD)


class IntraRow(Agreement):
    """A reader's first reading beside the same reader's repeat of it."""

    only_first: int | None
    only_repeat: int | None


class GoldRow(Agreement):
    """A reader's reading beside gold."""

    missed: int | None = Field(description="Gold alone.")
    overcalled: int | None = Field(description="The reader alone.")
    sensitivity: float | None
    sensitivity_ci: Confidence
    specificity: float | None
    specificity_ci: Confidence


class InterRow(Agreement):
    """A reader's reading beside the other reader's of the same list."""

    only_this: int | None
    only_other: int | None


class Followed(BaseModel):
    """How often a wrong statement of the machine was made by a reader too.

    Wrong: the machine calls a label positive that gold, or else somebody else's final over-read, does not.
    """

    wrong: int = Field(description="Wrong statements of the machine in what was read.")
    followed: int | None = Field(description="Of these, those that the reading has as well.")
    share: float | None
    share_ci: Confidence
    withheld: Withheld = Field(description=WITHHELD)


class FollowedBy(BaseModel):
    """The same by what the reader had seen."""

    blind: Followed = Field(description="First readings, the machine's unseen.")
    amended: Followed = Field(description="The same ECGs, as signed after the machine's reading was shown.")
    shown: Followed = Field(description="Assisted readings: the machine's was shown from the start.")


KAPPA: dict[str, JsonValue] = {"kappa": 0.9546, "kappa_ci": [0.9034, 1.0], "withheld": None}


class Quality(BaseModel):
    """One reader, over signed readings: what the reader first committed to, before anything was changed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "reader": "reader-7",
                    "mode": "blind",
                    "vocabulary": "overread-2",
                    "hedged": "positive",
                    "simulated": False,
                    "minimum": 20,
                    "readings": 431,
                    "amended": 17,
                    "intra": [{**AFIB, "ecgs": 60, "both": 21, "only_first": 1, "only_repeat": 0, **KAPPA}],
                    "gold": [
                        {
                            **AFIB,
                            "ecgs": 60,
                            "both": 21,
                            "missed": 1,
                            "overcalled": 0,
                            "sensitivity": 0.9545,
                            "sensitivity_ci": [0.7821, 0.9919],
                            "specificity": 1.0,
                            "specificity_ci": [0.9082, 1.0],
                            **KAPPA,
                        }
                    ],
                    "inter": [{**AFIB, "ecgs": 200, "both": 21, "only_this": 1, "only_other": 0, **KAPPA}],
                    "followed": {"blind": ENOUGH, "amended": ENOUGH, "shown": FEW},
                }
            ]
        }
    )

    reader: str
    mode: Mode
    vocabulary: str
    hedged: Hedged
    simulated: bool
    minimum: int = Field(description="ECGs, or wrong statements, below which a figure is withheld.")
    readings: int = Field(description="Signed readings, with repeats and gold.")
    amended: int = Field(description="Of these, those whose labels the reader changed after the first commitment.")
    intra: list[IntraRow]
    gold: list[GoldRow]
    inter: list[InterRow]
    followed: FollowedBy


class InfluenceRow(BaseModel):
    """Readings of one kind against the machine's."""

    reading: Literal["blind", "amended", "shown"]
    readings: int = Field(description="Readings of ECGs with a machine report, repeats left out.")
    followed: Followed
    labels: list[LabelRow] = Field(description="The table: what these readings add to and remove from the machine's.")


class Influence(BaseModel):
    """What all readers change of the machine's reading: before it was shown to them, after, and with it in view.

    A table by `blinded` of the pairs is not this one: a pair has the last version of a reading, so its blinded ones are
    those that nothing was changed of.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "vocabulary": "overread-2",
                    "hedged": "positive",
                    "simulated": False,
                    "minimum": 20,
                    "readings": [{"reading": "blind", "readings": 200, "followed": ENOUGH, "labels": [FLUTTER]}],
                }
            ]
        }
    )

    vocabulary: str
    hedged: Hedged
    simulated: bool
    minimum: int
    readings: list[InfluenceRow]


class MineOut(ReadingOut):
    """One's own reading."""

    signed_at: datetime


class Difference(BaseModel):
    """A label of another status in the two readings; null: not mentioned."""

    label: str
    name: str
    mine: Status | None
    later: Status | None


class ChangedOut(BaseModel):
    """A reading of one's own that a later reader changed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "item_id": ITEM_ID,
                    "ecg_id": "e2388a9a-9c11-40f8-855e-5a95e89fbca7",
                    "changed_at": "2026-05-06T14:20:00.118204Z",
                    "by": "adjudication",
                    "mine": {
                        "text": "LVH",
                        "printed": None,
                        "findings": [],
                        "statements": [],
                        "stance": "read",
                        "signed_at": "2026-05-04T09:08:00.311020Z",
                    },
                    "later": SAID,
                    "differences": [
                        {"label": "aflutter", "name": "Atrial Flutter", "mine": None, "later": "present"},
                        {"label": "lvh", "name": "LVH", "mine": "present", "later": None},
                    ],
                }
            ]
        }
    )

    item_id: uuid.UUID | None = Field(description="The item in which it was signed; null: not in a review.")
    ecg_id: uuid.UUID
    changed_at: datetime
    by: Literal["adjudication", "second", "other"] = Field(
        description="A final over-read, another reader's signed review, or another over-read."
    )
    mine: MineOut
    later: ReadingOut
    differences: list[Difference]
