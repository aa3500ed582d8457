"""What reports and findings look like outside."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from app.kit.text import Name, ReportText
from app.kit.times import TimeWithOffset
from ml.deidentify import without_identifiers

Source = Literal["machine", "overread"]
Status = Literal["present", "uncertain", "negated", "historical"]
Known = Literal["yes", "no", "unknown"]

STARTS = (
    "First character in the report's text, counted in Unicode code points. JavaScript counts UTF-16 units: "
    '`[...text].slice(start, end).join("")`.'
)
ENDS = "One past the last character, in code points."

OVERREAD: dict[str, JsonValue] = {
    "id": "9ac20d5f-c992-4415-8eab-b3077edf33d2",
    "source": "overread",
    "reader": "reader-7",
    "version": 1,
    "current": True,
    "final": False,
    "blinded": "no",
    "validated": "yes",
    "text": "Atrial flutter",
    "codes": None,
    "authored_at": "2026-03-01T10:15:00Z",
    "created_at": "2026-03-01T10:15:02.730614Z",
    "counts": True,
    "agrees": False,
    "unreadable": False,
    "unread": False,
    "findings": [
        {
            "label": "aflutter",
            "status": "present",
            "start": 0,
            "end": 14,
            "text": "Atrial flutter",
            "cue": None,
            "cue_start": None,
            "cue_end": None,
        }
    ],
}


_NOTHING_SAID = "holds no diagnosis statement"


def _storable(text: str) -> str:
    kept = without_identifiers(text)
    if not kept.strip():
        raise PydanticCustomError("invalid", _NOTHING_SAID)
    return kept


StorableText = Annotated[ReportText, AfterValidator(_storable)]
"""A report's text without people's names, numbers, dates of birth and addresses: every report comes in as this."""


class CodeIn(BaseModel):
    """One coded statement."""

    model_config = ConfigDict(extra="forbid")

    system: Name = Field(description="Code system: `SCP`, `SNOMED`, …, as the vocabulary names them.")
    code: Name
    certainty: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None, description="How sure the reader was, 0–1; null: stated without one."
    )


class ReportIn(BaseModel):
    """A new reading of an ECG: text, codes, or both; of both the codes are labelled, and the text is kept beside."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "source": "overread",
                    "text": "Atrial flutter",
                    "reader": "reader-7",
                    "authored_at": "2026-03-01T10:15:00Z",
                    "blinded": "no",
                    "validated": "yes",
                }
            ]
        },
    )

    source: Source
    text: StorableText | None = None
    codes: Annotated[list[CodeIn], Field(min_length=1, max_length=200)] | None = None
    reader: Name | None = Field(default=None, description="A pseudonym of who read it.")
    authored_at: TimeWithOffset | None = None
    final: bool = Field(
        default=False,
        description="Whether this is the adjudicated over-read: it counts in the pair, whatever is written later.",
    )
    blinded: Known = Field(
        default="unknown",
        description="Whether the over-reader had not seen the machine's text: `no` where it lay before the reader.",
    )
    validated: Known = Field(default="unknown", description="Whether a person has confirmed the over-read.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.text is None and self.codes is None:
            raise ValueError("give text, codes, or both")
        if self.final and self.source != "overread":
            raise ValueError("only an over-read can be final")
        if self.source != "overread" and (self.blinded, self.validated) != ("unknown", "unknown"):
            raise ValueError("only an over-read can be blinded or validated")
        return self


def report_of_source(given: Mapping[str, Any]) -> ReportIn | None:
    """Return the report of a file or a table; None for one without codes that says nothing, or only who somebody is.

    Its text is cleaned once. Raises `ValidationError`.
    """
    without_text = {**given, "text": None}
    has_codes = bool(given.get("codes"))
    if not (given.get("text") or "").strip():
        return ReportIn.model_validate(without_text) if has_codes else None
    try:
        return ReportIn.model_validate(given)
    except ValidationError as error:
        if not any(each["loc"] == ("text",) and each["msg"] == _NOTHING_SAID for each in error.errors()):
            raise
    return ReportIn.model_validate(without_text) if has_codes else None


class FindingOut(BaseModel):
    """A label's status in a report and the characters that say so."""

    label: str
    status: Status
    start: int = Field(description=STARTS)
    end: int = Field(description=ENDS)
    text: str
    cue: str | None = Field(default=None, description="The words that made it uncertain, negated or historical.")
    cue_start: int | None = Field(default=None, description="Where those words begin, in code points.")
    cue_end: int | None = Field(default=None, description="Where they end, in code points.")


class ReportOut(BaseModel):
    """One reading of one ECG with its findings under the active vocabulary."""

    model_config = ConfigDict(json_schema_extra={"examples": [OVERREAD]})

    id: uuid.UUID
    source: Source
    reader: str | None
    version: int
    current: bool
    final: bool = Field(description="Whether it is the adjudicated over-read.")
    blinded: Known = Field(description="Whether the reader had not seen the machine's text.")
    validated: Known = Field(description="Whether a person has confirmed it.")
    text: str | None
    codes: list[CodeIn] | None = Field(description="Where there are codes, they are what is labelled.")
    authored_at: datetime | None
    created_at: datetime
    counts: bool = Field(
        description="Whether it is the one of its source that counts in the pair: the adjudicated one, else the last."
    )
    agrees: bool = Field(
        description="Whether it agrees with the machine's report: its labels are the machine's but for its findings."
    )
    unreadable: bool = Field(description="Whether it says that the tracing cannot be read: its pair is counted apart.")
    unread: bool = Field(
        description="Whether it is in a language that the vocabulary does not have: no findings, and its pair is "
        "counted apart."
    )
    findings: list[FindingOut]


class ReportList(BaseModel):
    """Every version of every reading of one ECG, oldest first."""

    items: list[ReportOut]
