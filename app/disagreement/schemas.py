"""What disagreement tables look like outside."""

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.reports.schemas import Known
from ml.corpus.sources import Hedged

Confidence = tuple[float, float] | None

FLUTTER: dict[str, JsonValue] = {
    "label": "aflutter",
    "name": "Atrial Flutter",
    "pairs": 2030000,
    "machine": 25566,
    "overread": 43071,
    "both": 21224,
    "disagreement": 26189,
    "added": 21847,
    "removed": 4342,
    "added_pct": 85.453,
    "added_pct_ci": [83.924, 87.01],
    "removed_pct": 16.984,
    "removed_pct_ci": [16.528, 17.449],
    "kappa": 0.6123,
    "kappa_ci": [0.608, 0.6166],
    "ppv": 0.8302,
    "ppv_ci": [0.8255, 0.8347],
    "sensitivity": 0.4928,
    "sensitivity_ci": [0.4881, 0.4975],
    "specificity": 0.9978,
    "specificity_ci": [0.9977, 0.9979],
    "mcnemar_p": 0.0,
}

IN_MARCH: dict[str, JsonValue] = {**FLUTTER, "month": "2026-03"}

TOTALS: dict[str, JsonValue] = {
    "pairs": 2030000,
    "differing": 401737,
    "differing_pct": 19.79,
    "differing_pct_ci": [19.735, 19.845],
    "changes": 442540,
    "changes_per_ecg": 0.218,
    "unread": {"machine": 0, "overread": 95},
    "unreadable": 412,
}

BY_SITE: dict[str, JsonValue] = {
    **TOTALS,
    "labels": [FLUTTER],
    "vocabulary": "overread-2",
    "hedged": "positive",
    "simulated": True,
    "blinded": {"unknown": 2030000, "yes": 0, "no": 0},
    "validated": {"unknown": 2030000, "yes": 0, "no": 0},
    "groups": [{**TOTALS, "labels": [FLUTTER], "group": {"site": "north"}}],
}


_COMPARED_TABLE: dict[str, JsonValue] = {
    **TOTALS,
    "labels": [FLUTTER],
    "simulated": True,
    "blinded": {"unknown": 2030000, "yes": 0, "no": 0},
    "validated": {"unknown": 2030000, "yes": 0, "no": 0},
}
COMPARED: dict[str, JsonValue] = {
    "vocabulary": "overread-2",
    "hedged": "positive",
    "separate": True,
    "a": _COMPARED_TABLE,
    "b": _COMPARED_TABLE,
    "difference": {
        "differing_pct": 0.0,
        "differing_pct_ci": [-0.078, 0.078],
        "labels": [
            {
                "label": "aflutter",
                "name": "Atrial Flutter",
                "added_pct": 0.0,
                "added_pct_ci": [-2.182, 2.182],
                "removed_pct": 0.0,
                "removed_pct_ci": [-0.651, 0.651],
                "kappa": 0.0,
                "kappa_ci": [-0.0061, 0.0061],
                "ppv": 0.0,
                "ppv_ci": [-0.0065, 0.0065],
                "sensitivity": 0.0,
                "sensitivity_ci": [-0.0067, 0.0067],
                "specificity": 0.0,
                "specificity_ci": [-0.0001, 0.0001],
            }
        ],
    },
}

BY_MONTH: dict[str, JsonValue] = {
    "vocabulary": "overread-2",
    "hedged": "positive",
    "simulated": False,
    "undated": 0,
    "months": [{**TOTALS, "month": "2026-03"}],
    "labels": [{"label": "aflutter", "name": "Atrial Flutter", "points": [IN_MARCH]}],
}

READ_INSTEAD: dict[str, JsonValue] = {
    "pairs": 2030000,
    "vocabulary": "overread-2",
    "hedged": "positive",
    "simulated": True,
    "removed": [
        {
            "label": "afib",
            "name": "Atrial Fibrillation",
            "pairs": 15087,
            "alone": 6210,
            "others": [{"label": "aflutter", "name": "Atrial Flutter", "pairs": 7911}],
        }
    ],
    "added": [
        {
            "label": "aflutter",
            "name": "Atrial Flutter",
            "pairs": 21847,
            "alone": 11320,
            "others": [{"label": "afib", "name": "Atrial Fibrillation", "pairs": 7911}],
        }
    ],
}


class LabelRow(BaseModel):
    """One label's row of Table A.1, with agreement; `_ci` is the 95 % interval. Null: not defined."""

    model_config = ConfigDict(json_schema_extra={"examples": [FLUTTER]})

    label: str
    name: str
    pairs: int = Field(description="Pairs that count for this label.")
    machine: int = Field(description="Pairs the machine called positive.")
    overread: int = Field(description="Pairs the over-read called positive.")
    both: int = Field(description="Pairs both called positive.")
    disagreement: int = Field(description="added + removed")
    added: int = Field(description="Over-read positive, machine negative.")
    removed: int = Field(description="Machine positive, over-read negative.")
    added_pct: float | None = Field(description="100 · added / machine; may exceed 100.")
    added_pct_ci: Confidence
    removed_pct: float | None = Field(description="100 · removed / machine")
    removed_pct_ci: Confidence
    kappa: float | None = Field(description="Cohen's kappa; null where all readings are positive, or all negative.")
    kappa_ci: Confidence
    ppv: float | None = Field(description="Of the machine's positives, the share the expert kept.")
    ppv_ci: Confidence
    sensitivity: float | None = Field(description="Of the expert's positives, the share the machine had.")
    sensitivity_ci: Confidence
    specificity: float | None = Field(description="Of the expert's negatives, the share the machine left out.")
    specificity_ci: Confidence
    mcnemar_p: float = Field(description="McNemar's exact two-sided p: are added and removed equally likely?")


class UnreadPairs(BaseModel):
    """Pairs with a report in a language that the vocabulary does not have; a pair may count for both sources."""

    machine: int = Field(description="The machine's report is unread, or the one that the over-read agrees with.")
    overread: int


class Totals(BaseModel):
    """Counts over all labels."""

    pairs: int = Field(description="Pairs that are compared.")
    differing: int = Field(description="Pairs on which at least one label differs.")
    differing_pct: float | None
    differing_pct_ci: Confidence
    changes: int = Field(description="Labels that differ, over all pairs.")
    changes_per_ecg: float | None
    unread: UnreadPairs | None = Field(
        description="Pairs that are in no other number, because a report is not read; null in older snapshots."
    )
    unreadable: int | None = Field(
        description="Pairs that are in no other number, because the over-read says that the tracing cannot be read; "
        "null in older snapshots."
    )


class Table(Totals):
    """A disagreement table."""

    labels: list[LabelRow]


class Group(Table):
    """The table of one group."""

    group: dict[str, str | int | bool | None] = Field(
        description="What the group has in common, by what is grouped by; null: not known. `age` is the first year of "
        "its decade, a measurement the least value of its band.",
    )


class Disagreement(Table):
    """The disagreement table of the chosen pairs, whole and by group."""

    model_config = ConfigDict(json_schema_extra={"examples": [BY_SITE]})

    vocabulary: str
    hedged: Hedged
    simulated: bool | None = Field(
        description="Whether the pairs are simulated or real ones; null in snapshots of both, which are older."
    )
    blinded: dict[Known, int] | None = Field(
        description="How many over-readers had not seen the machine's text, by pairs; null in older snapshots."
    )
    validated: dict[Known, int] | None = Field(
        description="How many over-reads a person has confirmed, by pairs; null in older snapshots."
    )
    groups: list[Group] | None


class ComparedTable(Table):
    """The table of one of two choices of pairs."""

    simulated: bool = Field(description="Whether the pairs are simulated or real ones.")
    blinded: dict[Known, int] = Field(description="How many over-readers had not seen the machine's text, by pairs.")
    validated: dict[Known, int] = Field(description="How many over-reads a person has confirmed, by pairs.")


class LabelDifference(BaseModel):
    """How much a label's rates in `a` are above those in `b`, each with its 95 % interval. Null: not defined."""

    label: str
    name: str
    added_pct: float | None
    added_pct_ci: Confidence
    removed_pct: float | None
    removed_pct_ci: Confidence
    kappa: float | None
    kappa_ci: Confidence
    ppv: float | None
    ppv_ci: Confidence
    sensitivity: float | None
    sensitivity_ci: Confidence
    specificity: float | None
    specificity_ci: Confidence


class Differences(BaseModel):
    """How `a` differs from `b`."""

    differing_pct: float | None
    differing_pct_ci: Confidence
    labels: list[LabelDifference]


class Comparison(BaseModel):
    """Two choices of pairs side by side."""

    model_config = ConfigDict(json_schema_extra={"examples": [COMPARED]})

    vocabulary: str
    hedged: Hedged
    separate: bool = Field(
        description="Whether no pair can be in both. Where some may be, the intervals of differences are too wide."
    )
    a: ComparedTable
    b: ComparedTable
    difference: Differences


class MonthTotals(Totals):
    """A month's totals."""

    month: str


class MonthRow(LabelRow):
    """A label's row of one month."""

    model_config = ConfigDict(json_schema_extra={"examples": [IN_MARCH]})

    month: str


class LabelTrend(BaseModel):
    """A label month by month; months without a pair are left out."""

    label: str
    name: str
    points: list[MonthRow]


class Trend(BaseModel):
    """Disagreement month by month, in UTC."""

    model_config = ConfigDict(json_schema_extra={"examples": [BY_MONTH]})

    vocabulary: str
    hedged: Hedged
    simulated: bool = Field(description="Whether the pairs are simulated or real ones.")
    undated: int = Field(description="Pairs whose time of recording is not known; they are in no month.")
    months: list[MonthTotals]
    labels: list[LabelTrend]


class FlowTo(BaseModel):
    """Another label that changed the other way in the same pairs."""

    label: str
    name: str
    pairs: int


class FlowRow(BaseModel):
    """What changed together with one label. A pair in which two other labels changed counts for both."""

    label: str
    name: str
    pairs: int = Field(description="Pairs in which the label was removed (or added).")
    alone: int = Field(description="Those of them in which nothing was added (or removed) in its place.")
    others: list[FlowTo] = Field(description="What was added (or removed) in the same pairs, most frequent first.")


class Flow(BaseModel):
    """What was read instead."""

    model_config = ConfigDict(json_schema_extra={"examples": [READ_INSTEAD]})

    pairs: int
    vocabulary: str
    hedged: Hedged
    simulated: bool = Field(description="Whether the pairs are simulated or real ones.")
    removed: list[FlowRow] = Field(description="For each label removed, the labels added in the same pair.")
    added: list[FlowRow] = Field(description="For each label added, the labels removed in the same pair.")
