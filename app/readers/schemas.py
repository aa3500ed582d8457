"""What agreement between readers looks like outside."""

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.disagreement.schemas import LabelRow
from ml.corpus.sources import Hedged

Confidence = tuple[float, float] | None

RBBB: dict[str, JsonValue] = {"label": "rbbb", "name": "RBBB"}


class Kappa(BaseModel):
    """Agreement on one label. Null: not defined, because all readings are positive, or all negative."""

    label: str
    name: str
    kappa: float | None
    kappa_ci: Confidence = Field(description="95 %")


class PairKappa(Kappa):
    """Cohen's kappa of two readers on one label, over the ECGs both read."""

    ecgs: int = Field(description="ECGs both read (with `hedged=ignore`: and neither hedged the label in).")
    both: int = Field(description="ECGs both called positive.")
    only_first: int
    only_second: int


class ReaderPair(BaseModel):
    """Two readers of the same ECGs."""

    readers: tuple[str, str]
    labels: list[PairKappa]


class FleissKappa(Kappa):
    """Fleiss' kappa on one label, over the ECGs that exactly so many readers read."""

    ecgs: int
    readings: int = Field(description="Readings of each ECG; not always by the same readers.")


class ReaderCount(BaseModel):
    """A reader, and how many of the reader's ECGs others read too."""

    reader: str
    ecgs: int


class Agreement(BaseModel):
    """Agreement between readers who read the same ECGs.

    A reader who did not read an ECG says nothing of it, neither yes nor no: two readers are compared on the ECGs both
    read, and Fleiss' kappa is taken apart by how many read an ECG.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "vocabulary": "code-test-1",
                    "hedged": "positive",
                    "simulated": False,
                    "readers": [{"reader": "cardiologist-1", "ecgs": 827}],
                    "pairs": [
                        {
                            "readers": ["cardiologist-1", "cardiologist-2"],
                            "labels": [
                                {
                                    **RBBB,
                                    "ecgs": 827,
                                    "both": 33,
                                    "only_first": 2,
                                    "only_second": 1,
                                    "kappa": 0.9546,
                                    "kappa_ci": [0.9034, 1.0],
                                }
                            ],
                        }
                    ],
                    "fleiss": [{**RBBB, "ecgs": 827, "kappa": 0.8962, "kappa_ci": [0.8484, 0.944], "readings": 6}],
                }
            ]
        }
    )

    vocabulary: str
    hedged: Hedged
    simulated: bool = Field(description="Whether the ECGs are simulated or real ones.")
    readers: list[ReaderCount]
    pairs: list[ReaderPair]
    fleiss: list[FleissKappa]


class Prevalence(BaseModel):
    """How often a reader calls a label positive."""

    label: str
    name: str
    readings: int
    positive: int
    prevalence: float | None
    prevalence_ci: Confidence


class BesideOthers(Kappa):
    """Agreement with readings of other readers, pooled."""

    readings: int = Field(description="Times this reader's reading stands beside another's.")
    both: int
    only_this: int
    only_other: int


class Profile(BaseModel):
    """One reader beside the machine and the others, over the reader's current over-reads."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "reader": "cardiologist-1",
                    "vocabulary": "code-test-1",
                    "hedged": "positive",
                    "simulated": False,
                    "ecgs": 827,
                    "unread": 0,
                    "unreadable": 3,
                    "prevalence": [
                        {
                            **RBBB,
                            "readings": 827,
                            "positive": 35,
                            "prevalence": 0.0423,
                            "prevalence_ci": [0.0306, 0.0583],
                        }
                    ],
                    "machine": [
                        {
                            **RBBB,
                            "pairs": 827,
                            "machine": 38,
                            "overread": 35,
                            "both": 34,
                            "disagreement": 5,
                            "added": 1,
                            "removed": 4,
                            "added_pct": 2.632,
                            "added_pct_ci": [0.456, 15.182],
                            "removed_pct": 10.526,
                            "removed_pct_ci": [4.17, 24.131],
                            "kappa": 0.9283,
                            "kappa_ci": [0.8659, 0.9908],
                            "ppv": 0.8947,
                            "ppv_ci": [0.7587, 0.9583],
                            "sensitivity": 0.9714,
                            "sensitivity_ci": [0.8547, 0.9949],
                            "specificity": 0.9949,
                            "specificity_ci": [0.9871, 0.998],
                            "mcnemar_p": 0.375,
                        }
                    ],
                    "final": [
                        {
                            **RBBB,
                            "readings": 827,
                            "both": 33,
                            "only_this": 2,
                            "only_other": 1,
                            "kappa": 0.9546,
                            "kappa_ci": [0.9034, 1.0],
                        }
                    ],
                    "others": [
                        {
                            **RBBB,
                            "readings": 4135,
                            "both": 157,
                            "only_this": 18,
                            "only_other": 11,
                            "kappa": 0.9118,
                            "kappa_ci": None,
                        }
                    ],
                }
            ]
        }
    )

    reader: str
    vocabulary: str
    hedged: Hedged
    simulated: bool = Field(description="Whether the ECGs are simulated or real ones.")
    ecgs: int
    unread: int = Field(description="Over-reads of this reader in a language that the vocabulary does not have.")
    unreadable: int = Field(description="Those that say that the tracing cannot be read. Both are in no other number.")
    prevalence: list[Prevalence]
    machine: list[LabelRow] = Field(description="What the reader adds to and removes from the machine's reading.")
    final: list[BesideOthers] = Field(description="Beside the adjudicated over-read of another reader.")
    others: list[BesideOthers] = Field(
        description="Beside every other reader's over-read of the same ECGs. An ECG counts once for each, so there is "
        "no interval."
    )
