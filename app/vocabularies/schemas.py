"""What vocabularies and extracted labels look like outside."""

import uuid
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from app.kit.text import Name, ReportText
from app.reports.schemas import FindingOut


class LabelOut(BaseModel):
    """One label of a vocabulary."""

    key: str
    name: str


class VocabularyOut(BaseModel):
    """One version of the vocabulary."""

    id: uuid.UUID
    version: str
    active: bool
    created_at: datetime
    labels: list[LabelOut]


class VocabularyList(BaseModel):
    """Every version, newest first."""

    items: list[VocabularyOut]


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


class StatementOut(BaseModel):
    """One diagnosis statement."""

    start: int
    end: int
    text: str


class ExtractOut(BaseModel):
    """What a text says."""

    vocabulary: str
    statements: list[StatementOut]
    findings: list[FindingOut]
