"""What a rejection looks like outside."""

import uuid
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, JsonValue

REJECTION: dict[str, JsonValue] = {
    "id": "5f0c2f64-5f2f-4b38-9d52-0f0f6d6ea0a4",
    "kind": "ptbxl",
    "place": "records500/#####/#####_hr.hea",
    "sha256": "a42c47eb2c81185413733b3ba1ad2524b036b59929644b210a3874d2315aa39f",
    "reasons": [{"code": "constant_lead", "detail": "no signal (a constant) in V2, V4, V6"}],
    "first_seen": "2026-03-02T09:31:00.417735Z",
    "last_seen": "2026-03-05T09:30:12.118402Z",
    "times": 2,
}


class RejectionReason(BaseModel):
    """Why something was refused."""

    code: str = Field(description="A stable word for programs.")
    detail: str = Field(description="A sentence for people. It repeats nothing of the content.")


class RejectionOut(BaseModel):
    """A file or a row of an import that was refused. It is forgotten when it passes."""

    model_config = ConfigDict(json_schema_extra={"examples": [REJECTION]})

    id: uuid.UUID
    kind: str = Field(description="The kind of archive.")
    place: str = Field(
        description="Where it lies. Only words that archives are laid out with are shown, and numbers of rows: other "
        "letters are `*` and other digits `#`, because names of files may be patients'."
    )
    sha256: str | None = Field(
        description="Of the record's files one after the other, the main file first: it finds the file. Null for rows."
    )
    reasons: list[RejectionReason]
    first_seen: datetime
    last_seen: datetime
    times: int = Field(description="How many imports have refused it.")
