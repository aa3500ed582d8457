"""The change watch as the API shows it."""

import uuid
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from app.change_watch.charts import Direction
from app.kit.text import printable

RULE = (
    "For each site, device and software version, each label and direction there is a CUSUM of single readings, tuned "
    "for a rise of the odds. Limits are such that in a year without a change all charts together ring as often as "
    "`false_alarms_a_year` says, what the reference leaves uncertain included. The reference is the first days of a "
    "stream and does not change; a software version seen for the first time compares with the version before. A day is "
    "counted once: when 95 % of its over-reads have been there for `settle_days`, or when somebody asks. What comes or "
    "is amended later does not change it. A chart that has rung waits for an answer."
)

WATCHED: dict[str, JsonValue] = {
    "vocabulary": "overread-2",
    "simulated": False,
    "counted_to": "2026-05-29",
    "false_alarms_a_year": 1.0,
    "reference_days": 90,
    "settle_days": 3,
    "charts": 52,
    "unanswered": 1,
    "rule": RULE,
}
_STREAM: dict[str, JsonValue] = {
    "id": "7d0ffaf6-4be2-43b4-9a6c-0f7b4c1a2f10",
    "site": "north",
    "device": "MAC 5500",
    "device_software": "010A",
    "first_day": "2026-01-02",
    "last_day": "2026-05-29",
    "pairs": 29410,
    "compared_with": None,
    "watching": 24,
    "unanswered": 1,
    "created_at": "2026-05-30T03:00:11.640377Z",
}
_CHART: dict[str, JsonValue] = {
    "label": "afib",
    "direction": "removed",
    "state": "ringing",
    "reference_from": "2026-01-02",
    "reference_to": "2026-04-01",
    "reference_readings": 1804,
    "reference_events": 182,
    "odds": 2.0,
    "statistic": 9.61,
    "limit": 9.55,
    "since": "2026-05-11",
    "since_readings": 371,
    "since_events": 66,
}
RANG: dict[str, JsonValue] = {
    "id": "0e4a11d7-56a4-4ef5-8b6f-5e32a5f5d0b1",
    "stream": "7d0ffaf6-4be2-43b4-9a6c-0f7b4c1a2f10",
    "site": "north",
    "device": "MAC 5500",
    "device_software": "010A",
    "label": "afib",
    "direction": "removed",
    "day": "2026-05-29",
    "since": "2026-05-11",
    "readings": 371,
    "events": 66,
    "reference_readings": 1804,
    "reference_events": 182,
    "rung_at": "2026-05-30T03:00:11.640377Z",
    "verdict": None,
    "note": None,
    "answered_by": None,
    "answered_at": None,
}

Note = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000), AfterValidator(printable)
]
Verdict = Literal["change", "chance"]


class WatchOut(BaseModel):
    """What is watched, and by which rule."""

    model_config = ConfigDict(json_schema_extra={"examples": [WATCHED]})

    vocabulary: str
    simulated: bool
    counted_to: date | None = Field(description="The last day that was counted (UTC).")
    false_alarms_a_year: float = Field(description="In all charts together.")
    reference_days: int
    settle_days: int
    charts: int = Field(description="Charts that have a reference.")
    unanswered: int = Field(description="Alarms that wait for an answer.")
    rule: str


class WatchStreamOut(BaseModel):
    """A software version of a device at a site."""

    model_config = ConfigDict(json_schema_extra={"examples": [_STREAM]})

    id: uuid.UUID
    site: str | None
    device: str | None
    device_software: str | None
    first_day: date
    last_day: date
    pairs: int
    compared_with: uuid.UUID | None = Field(description="The stream of the version before, whose reference it has.")
    watching: int = Field(description="Its charts that have a reference.")
    unanswered: int
    created_at: datetime


class WatchChartOut(BaseModel):
    """A chart; `statistic` and `limit` are in units of the log-likelihood ratio."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CHART]})

    label: str
    direction: Direction
    state: Literal["learning", "watching", "ringing"]
    reference_from: date
    reference_to: date | None
    reference_readings: int = Field(
        description="Readings in which the machine does not state the label (added), or does (removed)."
    )
    reference_events: int
    odds: float | None = Field(description="It is tuned for odds so many times those of the reference.")
    statistic: float
    limit: float | None
    since: date | None = Field(description="Since when the statistic has been above 0.")
    since_readings: int
    since_events: int


class WatchStreamDetail(WatchStreamOut):
    """A stream with its charts."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**_STREAM, "charts": [_CHART]}]})

    charts: list[WatchChartOut]


class WatchAlarmOut(BaseModel):
    """A chart that rang."""

    model_config = ConfigDict(json_schema_extra={"examples": [RANG]})

    id: uuid.UUID
    stream: uuid.UUID
    site: str | None
    device: str | None
    device_software: str | None
    label: str
    direction: Direction
    day: date = Field(description="Of the readings that made it ring.")
    since: date
    readings: int = Field(description="Readings since then that count for the chart.")
    events: int = Field(description="Those of them in which the label was changed.")
    reference_readings: int
    reference_events: int
    rung_at: datetime
    verdict: Verdict | None
    note: str | None
    answered_by: str | None
    answered_at: datetime | None


class WatchAnswerIn(BaseModel):
    """What somebody found who looked into an alarm."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"verdict": "change", "note": "New criteria since 14 May."}]}
    )

    verdict: Verdict = Field(
        description="`change`: the rate has changed, and the chart learns a new reference from the next day on; "
        "`chance`: it has not, and the chart goes on from 0."
    )
    note: Note | None = None
