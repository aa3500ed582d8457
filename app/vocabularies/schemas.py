"""What vocabularies and extracted labels look like outside."""

import uuid
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from app.disagreement.schemas import UnreadPairs
from app.kit.text import Name, ReportText
from app.reports.schemas import ENDS, STARTS, FindingOut, Source
from ml.labeling import Stance
from ml.labeling.parts import Key
from ml.labeling.policy import Policy
from ml.labeling.vocabulary import Language, Term, Weight

OVERREAD_2: dict[str, JsonValue] = {
    "id": "f58d3e37-e9fe-4837-8a1d-9db5c223cc93",
    "version": "overread-2",
    "active": True,
    "state": "active",
    "languages": ["en", "de"],
    "created_at": "2026-02-01T08:00:03.550912Z",
    "shipped": True,
    "labels": [{"key": "sinus_rhythm", "name": "Sinus Rhythm", "weight": "minor"}],
}

YAML = """\
version: north-2
languages: [en]
labels:
  - {key: afib, name: Atrial Fibrillation}
rules:
  - labels: [afib]
    terms:
      en: [atrial fibrillation, a . fibr (.)]
cues: []
codes: []
"""

ADDED: dict[str, JsonValue] = {"label": "afib", "language": "en", "term": "a . fibr (.)"}

NORTH_2: dict[str, JsonValue] = {
    "id": "a895a034-0c74-4b67-81f5-109a674a45a6",
    "version": "north-2",
    "active": False,
    "state": "inactive",
    "languages": ["en"],
    "created_at": "2026-03-02T09:30:12.004518Z",
    "shipped": None,
    "labels": [{"key": "afib", "name": "Atrial Fibrillation", "weight": "major"}],
    "policy": Policy().model_dump(),
    "profiles": {},
    "hidden_terms": [],
    "yaml": YAML,
}


class LabelOut(BaseModel):
    """One label of a vocabulary."""

    key: str
    name: str
    weight: Weight = Field(description="How much a change of it matters: none, minor or major.")


class VocabularyOut(BaseModel):
    """One version of the vocabulary."""

    model_config = ConfigDict(json_schema_extra={"examples": [OVERREAD_2]})

    id: uuid.UUID
    version: str
    active: bool
    state: Literal["inactive", "activating", "active"]
    languages: list[str]
    created_at: datetime
    shipped: bool | None = Field(
        description="Whether it is the file that this release ships as this version; false: another release stored "
        "another one, which stays; null: this release ships none."
    )
    labels: list[LabelOut]


class HiddenTerm(BaseModel):
    """A term that finds nothing."""

    place: str = Field(description="Where it stands in the file.", examples=["rules.0.terms.en.3"])
    term: str
    words: str = Field(description="The words of it that find nothing.")
    by: str = Field(description="What hides them.")


class VocabularyDetail(VocabularyOut):
    """One version with what it says."""

    model_config = ConfigDict(json_schema_extra={"examples": [NORTH_2]})

    policy: dict[str, str] = Field(description="The switches of the label policy.")
    profiles: dict[str, dict[str, str]] = Field(description="Named sets of switches.")
    hidden_terms: list[HiddenTerm] = Field(description="Terms that find nothing.")
    yaml: str


class VocabularyList(BaseModel):
    """Every version, newest first."""

    items: list[VocabularyOut]


class VocabularyIn(BaseModel):
    """A vocabulary to store. It changes nothing until it is activated."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"yaml": YAML}]})

    yaml: Annotated[str, Field(min_length=1, description="The whole file; `version` in it must be new.")]


class PreviewIn(BaseModel):
    """A vocabulary to try: a whole file, or a stored version."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"version": "north-2", "sample": 2000}]})

    yaml: Annotated[str, Field(min_length=1)] | None = None
    version: Name | None = None
    sample: Annotated[
        Annotated[int, Field(ge=1, le=20_000)] | Literal["all"],
        Field(description="Pairs to read, chosen at random; `all`: every pair, by a job whose result is the answer."),
    ] = 2_000
    examples: Annotated[int, Field(ge=0, le=200, description="Changed findings to show.")] = 20
    simulated: Annotated[
        bool | None,
        Field(description="Real ECGs (false) or simulated ones (true); by default real ones where there are any."),
    ] = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.yaml is None) == (self.version is None):
            raise ValueError("give either yaml or version")
        return self


class AdditionIn(BaseModel):
    """A term that is added."""

    model_config = ConfigDict(extra="forbid")

    label: Annotated[
        Key | None, Field(description="What it mentions; null: none of the labels, it takes words away.")
    ] = None
    language: Language = "en"
    term: Term


class DraftIn(BaseModel):
    """A vocabulary to write: a stored version, or a file, with terms added."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"version": "north-2", "add": [ADDED]}]})

    version: Name | None = Field(default=None, description="A stored version; the active one when absent.")
    yaml: str | None = Field(default=None, min_length=1, description="A file in its place: an earlier draft.")
    add: Annotated[list[AdditionIn], Field(min_length=1, max_length=50)]

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.yaml is not None and self.version is not None:
            raise ValueError("give either yaml or version")
        return self


class DraftOut(BaseModel):
    """A vocabulary that was written. Nothing is stored."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"version": "north-2.1", "yaml": YAML.replace("north-2", "north-2.1")}]}
    )

    version: str = Field(description="The first free one after the version that it is a copy of.")
    yaml: str = Field(description="The file: its comments and its order are kept, the terms stand behind its rules.")


class Counts(BaseModel):
    """A label's row of the disagreement table, hedged readings positive."""

    machine: int
    overread: int
    added: int
    removed: int


class LabelChange(BaseModel):
    """A label's row under the active vocabulary and under the one tried; null where it is not its label."""

    label: str
    name: str
    before: Counts | None
    after: Counts | None


class FindingChange(BaseModel):
    """A label's finding in one report under the active vocabulary and under the one tried."""

    ecg_id: uuid.UUID
    report_id: uuid.UUID
    source: Source
    text: str | None
    label: str
    before: FindingOut | None
    after: FindingOut | None


class StanceChange(BaseModel):
    """A report's stance under the active vocabulary and under the one tried: whether it is unread, for instance."""

    ecg_id: uuid.UUID
    report_id: uuid.UUID
    source: Source
    text: str | None
    before: Stance
    after: Stance


class LeftOut(BaseModel):
    """Pairs that are not compared, by reason."""

    unread: UnreadPairs
    unreadable: int


class LeftOutChange(BaseModel):
    """Pairs that are not compared under the active vocabulary and under the one tried."""

    before: LeftOut
    after: LeftOut


class PreviewOut(BaseModel):
    """What would change. Nothing is stored."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "active": "overread-2",
                    "vocabulary": "north-2",
                    "pairs": 13,
                    "pairs_in_all": 13,
                    "simulated": False,
                    "reports_changed": 7,
                    "labels": [
                        {
                            "label": "afib",
                            "name": "Atrial Fibrillation",
                            "before": {"machine": 4, "overread": 0, "added": 0, "removed": 4},
                            "after": {"machine": 4, "overread": 7, "added": 3, "removed": 0},
                        }
                    ],
                    "examples": [
                        {
                            "ecg_id": "e2388a9a-9c11-40f8-855e-5a95e89fbca7",
                            "report_id": "9ac20d5f-c992-4415-8eab-b3077edf33d2",
                            "source": "overread",
                            "text": "A.fibr.",
                            "label": "afib",
                            "before": None,
                            "after": {
                                "label": "afib",
                                "status": "present",
                                "start": 0,
                                "end": 7,
                                "text": "A.fibr.",
                                "cue": None,
                                "cue_start": None,
                                "cue_end": None,
                            },
                        }
                    ],
                    "left_out": {
                        "before": {"unread": {"machine": 0, "overread": 1}, "unreadable": 0},
                        "after": {"unread": {"machine": 0, "overread": 0}, "unreadable": 0},
                    },
                    "stances": [
                        {
                            "ecg_id": "0d1c2d38-9a64-4ff4-8d4b-0c6e3d0fa5cb",
                            "report_id": "5a0a6d56-5d0f-4a3b-8f7e-30a7dfd1a4d0",
                            "source": "overread",
                            "text": "Fibrilación auricular. Resto normal.",
                            "before": "unread",
                            "after": "read",
                        }
                    ],
                    "hidden_terms": [],
                }
            ]
        }
    )

    active: str
    vocabulary: str
    pairs: int = Field(description="Pairs that were read, and are compared under the active vocabulary.")
    pairs_in_all: int = Field(description="Pairs that are compared under the active vocabulary.")
    simulated: bool = Field(description="Whether the pairs are simulated or real ones.")
    reports_changed: int = Field(description="Reports that were read with a label of another status or another stance.")
    labels: list[LabelChange]
    examples: list[FindingChange]
    left_out: LeftOutChange = Field(description="Pairs that were read, and are not compared.")
    stances: list[StanceChange] = Field(description="Reports that would be read, or no longer, or agree, or no longer.")
    hidden_terms: list[HiddenTerm] = Field(description="Terms of the vocabulary tried that find nothing.")


class UnmappedExample(BaseModel):
    """Where a statement stands."""

    ecg_id: uuid.UUID
    report_id: uuid.UUID
    text: str
    start: int = Field(description=STARTS)
    end: int = Field(description=ENDS)


class UnmappedStatement(BaseModel):
    """A statement that is not or only partly understood, in its normal form, with how many current reports say it."""

    statement: str
    partly: bool = Field(description="Whether it gave a finding, and has words beside it that are not understood.")
    not_understood: list[str] = Field(description="Its words that the vocabulary does not have.")
    unread: bool = Field(description="Whether every report that says it is in a language the vocabulary does not have.")
    machine: int
    overread: int
    example: UnmappedExample


class EcgSaying(BaseModel):
    """A report that holds an unmapped statement, with its ECG."""

    ecg_id: uuid.UUID
    report_id: uuid.UUID
    source: Source
    text: str | None
    recorded_at: datetime | None


class EcgsSaying(BaseModel):
    """Reports that hold an unmapped statement, by their ECGs."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "vocabulary": "overread-2",
                    "statement": "a fibr",
                    "simulated": False,
                    "more": False,
                    "items": [
                        {
                            "ecg_id": "e2388a9a-9c11-40f8-855e-5a95e89fbca7",
                            "report_id": "9ac20d5f-c992-4415-8eab-b3077edf33d2",
                            "source": "overread",
                            "text": "A.fibr.",
                            "recorded_at": "2026-03-01T10:00:00Z",
                        }
                    ],
                }
            ]
        }
    )

    vocabulary: str
    statement: str
    simulated: bool
    more: bool = Field(description="Whether there are more than are shown.")
    items: list[EcgSaying]


class UnmappedList(BaseModel):
    """The most frequent first."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "vocabulary": "overread-2",
                    "simulated": False,
                    "items": [
                        {
                            "statement": "a fibr",
                            "partly": False,
                            "not_understood": ["fibr"],
                            "unread": False,
                            "machine": 0,
                            "overread": 4,
                            "example": {
                                "ecg_id": "e2388a9a-9c11-40f8-855e-5a95e89fbca7",
                                "report_id": "9ac20d5f-c992-4415-8eab-b3077edf33d2",
                                "text": "A.fibr",
                                "start": 0,
                                "end": 6,
                            },
                        }
                    ],
                }
            ]
        }
    )

    vocabulary: str
    simulated: bool = Field(description="Whether the reports are of simulated or of real ECGs.")
    items: list[UnmappedStatement]


class ExtractIn(BaseModel):
    """A text to read."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"text": "Sinus rhythm\nPossible inferior infarct\nNo left bundle branch block"}]
        },
    )

    text: ReportText
    vocabulary: Annotated[Name | None, Field(description="A version; the active one when absent.")] = None
    profile: Annotated[Name | None, Field(description="One of its profiles; its own policy when absent.")] = None


class StatementOut(BaseModel):
    """One diagnosis statement."""

    start: int = Field(description=STARTS)
    end: int = Field(description=ENDS)
    text: str
    normal: str = Field(description="What statements of one meaning in several synonyms have in common.")


class ExtractOut(BaseModel):
    """What a text says."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "vocabulary": "overread-2",
                    "statements": [
                        {"start": 13, "end": 38, "text": "Possible inferior infarct", "normal": "possible inferior mi"}
                    ],
                    "findings": [
                        {
                            "label": "inferior_mi",
                            "status": "uncertain",
                            "start": 22,
                            "end": 38,
                            "text": "inferior infarct",
                            "cue": "Possible",
                            "cue_start": 13,
                            "cue_end": 21,
                        }
                    ],
                    "stance": "read",
                    "unread": False,
                }
            ]
        }
    )

    vocabulary: str
    statements: list[StatementOut]
    findings: list[FindingOut]
    stance: Stance = Field(
        description="Whether it reads the tracing, agrees, says that it cannot be read, or is unread."
    )
    unread: bool = Field(description="Whether it is in a language that the vocabulary does not have: no findings then.")


class TermOut(BaseModel):
    """Words that mean a label."""

    term: str
    label: str
    name: str


class TermList(BaseModel):
    """Terms that begin, or have a word that begins, with what was typed; those that begin with it come first."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"items": [{"term": "atrial fibrillation", "label": "afib", "name": "Atrial Fibrillation"}]}]
        }
    )

    items: list[TermOut]
