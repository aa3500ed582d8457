"""Agreement between readers outside."""

from pydantic import BaseModel, Field

from app.disagreement.outcomes import Hedged
from app.disagreement.schemas import LabelRow

Confidence = tuple[float, float] | None


class Kappa(BaseModel):
    """Agreement on one label. Null: not defined, because both (or all) always say the same one thing."""

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
    """A reader and how many ECGs that others read too."""

    reader: str
    ecgs: int


class Agreement(BaseModel):
    """Agreement between readers who read the same ECGs.

    A reader who did not read an ECG says nothing of it, neither yes nor no: two readers are compared on the ECGs both
    read, and Fleiss' kappa is taken apart by how many read an ECG.
    """

    vocabulary: str
    hedged: Hedged
    readers: list[ReaderCount]
    pairs: list[ReaderPair]
    fleiss: list[FleissKappa]


class Prevalence(BaseModel):
    """How often a reader calls a label."""

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

    reader: str
    vocabulary: str
    hedged: Hedged
    ecgs: int
    prevalence: list[Prevalence]
    machine: list[LabelRow] = Field(description="What the reader adds to and removes from the machine's reading.")
    final: list[BesideOthers] = Field(description="Beside the adjudicated over-read of another reader.")
    others: list[BesideOthers] = Field(
        description="Beside every other reader's over-read of the same ECGs. An ECG counts once for each, so there is "
        "no interval."
    )
