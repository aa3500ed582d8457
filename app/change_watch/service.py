"""The change watch as it is shown, and answers to its alarms."""

import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Row
from sqlalchemy.orm import Session

from app.change_watch import counting, queries
from app.change_watch.charts import Chart
from app.change_watch.schemas import (
    RULE,
    WatchAlarmOut,
    WatchAnswerIn,
    WatchChartOut,
    WatchOut,
    WatchStreamDetail,
    WatchStreamOut,
)
from app.change_watch.tables import WatchAlarm, WatchStream
from app.ecgs.filters import wants_simulated
from app.kit import audit
from app.kit.database import Database
from app.kit.problems import Problem, not_found
from app.settings import Settings
from app.vocabularies import queries as vocabularies


class Present(NamedTuple):
    """The watch that is on: its id where it has begun, what it is of, and its streams."""

    watch_id: uuid.UUID | None
    vocabulary: str
    labels: dict[str, str]
    simulated: bool
    counted_to: date | None
    streams: Sequence[WatchStream]

    @classmethod
    def of(cls, session: Session) -> "Present":
        """Look it up; nothing is written."""
        vocabulary = vocabularies.active(session)
        simulated = wants_simulated(session, None)
        found = queries.find(session, vocabulary.id, simulated)
        return cls(
            found.id if found is not None else None,
            vocabulary.version,
            {label["key"]: label["name"] for label in vocabulary.outline["labels"]},
            simulated,
            found.counted_to if found is not None else None,
            queries.streams(session, found.id) if found is not None else [],
        )

    def sharing(self) -> int:
        """Return how many charts share the false alarms."""
        since = (self.counted_to or date.max) - timedelta(days=counting.ACTIVE_DAYS)
        known = sum(_watched(each) for each in self.streams if each.last_day >= since)
        return max(2 * len(self.labels), known)


def _watched(stream: WatchStream) -> int:
    return sum(chart["state"] != "learning" for chart in stream.charts)


def overview(session: Session, settings: Settings) -> WatchOut:
    """Return what is watched, and by which rule."""
    present = Present.of(session)
    return WatchOut(
        vocabulary=present.vocabulary,
        simulated=present.simulated,
        counted_to=present.counted_to,
        false_alarms_a_year=settings.watch_false_alarms_a_year,
        reference_days=settings.watch_reference_days,
        settle_days=settings.watch_settle_days,
        charts=sum(_watched(each) for each in present.streams),
        unanswered=sum(queries.open_alarms(session, [each.id for each in present.streams]).values()),
        rule=RULE,
    )


def streams(session: Session, rows: Sequence[WatchStream]) -> list[WatchStreamOut]:
    """Return streams as they are shown."""
    known = queries.names(session, [_key(row) for row in rows])
    unanswered = queries.open_alarms(session, [row.id for row in rows])
    return [WatchStreamOut(**_shown(row, known), unanswered=unanswered.get(row.id, 0)) for row in rows]


def detail(session: Session, settings: Settings, stream_id: uuid.UUID) -> WatchStreamDetail:
    """Return a stream with its charts; raises a 404."""
    row = queries.stream(session, stream_id)
    if row is None:
        raise not_found("stream")
    [shown] = streams(session, [row])
    a_year = settings.watch_false_alarms_a_year / Present.of(session).sharing()
    return WatchStreamDetail(**shown.model_dump(), charts=[_chart(Chart(**chart), a_year) for chart in row.charts])


def alarms(session: Session, rows: Sequence[Row[WatchAlarm, WatchStream]]) -> list[WatchAlarmOut]:
    """Return alarms as they are shown."""
    known = queries.names(session, [_key(stream) for _, stream in rows])
    return [_alarm(alarm, stream, known) for alarm, stream in rows]


def unanswered(session: Session) -> list[WatchAlarmOut]:
    """Return the newest alarms that wait for an answer, at most 100."""
    return alarms(session, queries.newest_alarms(session, None, 100, unanswered=True)[:100])


def not_by_chance(session: Session, *, simulated: bool) -> list[WatchAlarmOut]:
    """Return the alarms that stand for a change, or may, of the ECGs that a question is about."""
    present = Present.of(session)
    if present.watch_id is None or present.simulated != simulated:
        return []
    return alarms(session, queries.not_by_chance(session, present.watch_id))


def count_all(database: Database, settings: Settings) -> date | None:
    """Count all days that are over, some in each transaction; return up to which day."""
    while True:
        with database.begin() as session:
            counted = counting.count_some(session, settings, settled=False)
        if not counted.more:
            return counted.to


def answer(session: Session, actor: str, alarm_id: uuid.UUID, given: WatchAnswerIn) -> WatchAlarmOut:
    """Answer an alarm, and let its chart go on; raises a 404, and a 409 where it was answered before."""
    found = queries.alarm(session, alarm_id)
    if found is None:
        raise not_found("alarm")
    stream = queries.stream(session, found.stream_id)
    assert stream is not None
    watch = queries.locked(session, stream.watch_id)  # no day is counted meanwhile
    session.refresh(found)
    session.refresh(stream)
    if found.verdict is not None:
        raise Problem(409, "answered", f"{found.answered_by} has answered this alarm: {found.verdict}.")
    found.verdict, found.note = given.verdict, given.note
    found.answered_by, found.answered_at = actor, datetime.now(UTC)
    begins = (watch.counted_to or found.day) + timedelta(days=1)
    stream.charts = [
        _going_on(Chart(**chart), given, begins).model_dump(mode="json")
        if (chart["label"], chart["direction"]) == (found.label, found.direction)
        else chart
        for chart in stream.charts
    ]
    after = {"verdict": given.verdict, "note": given.note is not None}
    audit.record(session, actor, "answer", "change_alarm", resource_id=found.id, after=after)
    session.flush()
    return _alarm(found, stream, queries.names(session, [_key(stream)]))


def _alarm(alarm: WatchAlarm, stream: WatchStream, known: dict[int, str]) -> WatchAlarmOut:
    own = {name: getattr(alarm, name) for name in WatchAlarmOut.model_fields if hasattr(alarm, name)}
    return WatchAlarmOut(**own, stream=stream.id, **_named(stream, known))


def _going_on(chart: Chart, given: WatchAnswerIn, begins: date) -> Chart:
    if given.verdict == "chance":
        return chart.restarted()
    return Chart(label=chart.label, direction=chart.direction, reference_from=begins)


def _chart(chart: Chart, a_year: float) -> WatchChartOut:
    return WatchChartOut(
        **chart.model_dump(include=set(WatchChartOut.model_fields) - {"statistic"}),
        reference_readings=chart.readings,
        reference_events=chart.events,
        statistic=chart.statistic / chart.unit,
        limit=chart.limit(a_year) / chart.unit if chart.state != "learning" else None,
    )


def _key(stream: WatchStream) -> queries.StreamKey:
    return stream.site_id, stream.device_id, stream.device_software_id


def _named(stream: WatchStream, known: dict[int, str]) -> dict[str, str | None]:
    return dict(zip(("site", "device", "device_software"), (known.get(each) for each in _key(stream)), strict=True))


def _shown(stream: WatchStream, known: dict[int, str]) -> dict[str, Any]:
    own = ("id", "first_day", "last_day", "pairs", "compared_with", "created_at")
    return {
        **{name: getattr(stream, name) for name in own},
        **_named(stream, known),
        "watching": _watched(stream),
    }
