"""What a reading by rules looks like outside."""

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.reports.schemas import ReportOut

READ_BY_RULES: dict[str, JsonValue] = {
    "id": "5d0c2c53-3a5b-4e0e-8f0d-5f0c6a1f2b7e",
    "source": "machine",
    "reader": "overread-rules-1",
    "version": 1,
    "current": True,
    "final": False,
    "blinded": "unknown",
    "validated": "unknown",
    "text": "Left bundle branch block (QRS 148 ms, V1 negative, R in I 124 ms)",
    "codes": None,
    "authored_at": None,
    "created_at": "2026-03-01T10:15:02.730614Z",
    "counts": True,
    "agrees": False,
    "unreadable": False,
    "unread": False,
    "findings": [
        {
            "label": "lbbb",
            "status": "present",
            "start": 0,
            "end": 24,
            "text": "Left bundle branch block",
            "cue": None,
            "cue_start": None,
            "cue_end": None,
        }
    ],
}


class StatementByRules(BaseModel):
    """A statement and the measurements that say so."""

    text: str
    label: str | None = Field(description="The label that it asserts; null: none.")
    because: list[str]


class RuleReadingOut(BaseModel):
    """An ECG's reading by rules, and the report that it is stored as."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "device_software": "overread-rules-1",
                    "scores": {"lbbb": 2.33, "rbbb": -2.1, "lvh": None},
                    "statements": [
                        {
                            "text": "Left bundle branch block",
                            "label": "lbbb",
                            "because": ["QRS 148 ms", "V1 negative", "R in I 124 ms"],
                        }
                    ],
                    "report": READ_BY_RULES,
                }
            ]
        }
    )

    device_software: str = Field(description="The rules' version. It is also the report's `reader`.")
    scores: dict[str, float | None] = Field(
        description="By label: how far its rule is above the textbook's threshold; null: what it asks for is not known."
    )
    statements: list[StatementByRules]
    report: ReportOut
