"""SQL of the change watch."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Row, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.change_watch.tables import Watch, WatchAlarm, WatchDay, WatchStream
from app.kit.pagination import Position, after

StreamKey = tuple[int, int, int]
LATE = 0.05
"""A day is counted when at most this share of its over-reads is new."""


class CountedPair(NamedTuple):
    """A pair as the watch reads it."""

    site_id: int
    device_id: int
    device_software_id: int
    recorded_at: datetime
    cell_id: int


def begun(session: Session, vocabulary_id: uuid.UUID, simulated: bool) -> None:
    """Make the watch of a vocabulary and a kind of ECGs where there is none."""
    statement = insert(Watch).values(id=uuid.uuid4(), vocabulary_id=vocabulary_id, simulated=simulated)
    session.execute(statement.on_conflict_do_nothing())


def find(session: Session, vocabulary_id: uuid.UUID, simulated: bool) -> Watch | None:
    """Return the watch of a vocabulary and a kind of ECGs."""
    return session.scalar(select(Watch).where(Watch.vocabulary_id == vocabulary_id, Watch.simulated == simulated))


def locked(session: Session, watch_id: uuid.UUID) -> Watch:
    """Return a watch whose row is locked until the transaction ends."""
    statement = select(Watch).where(Watch.id == watch_id).with_for_update().execution_options(populate_existing=True)
    return session.scalars(statement).one()


def take_turn(session: Session, watch_id: uuid.UUID, every_s: float) -> bool:
    """Return whether it is time that a worker looks; the next one waits as long again."""
    due = (Watch.looked_at.is_(None)) | (Watch.looked_at < func.now() - timedelta(seconds=every_s))
    statement = update(Watch).where(Watch.id == watch_id, due).values(looked_at=func.now()).returning(Watch.id)
    return session.scalar(statement) is not None


def take_turn_again(session: Session, watch_id: uuid.UUID) -> None:
    """Let the next look come at once."""
    session.execute(update(Watch).where(Watch.id == watch_id).values(looked_at=None))


def next_day(session: Session, slot: int, *, simulated: bool, beyond: date | None) -> date | None:
    """Return the first day after `beyond` on which an ECG with a pair was recorded (UTC), or None."""
    found = session.scalar(
        text(
            f"SELECT min(recorded_at) FROM pairs_{slot:d} WHERE simulated = :simulated "  # noqa: S608
            "AND recorded_at >= :start"
        ),
        {"simulated": simulated, "start": _start(beyond + timedelta(days=1) if beyond else date(2, 1, 1))},
    )
    return found.date() if found is not None else None


def settled_to(session: Session, first: date, last: date, *, simulated: bool, settle_days: float) -> date:
    """Return the last day up to which all days have settled, beginning with `first`; the day before it where none has.

    A day has settled when at most `LATE` of its over-reads came, or were amended, within the last `settle_days`.
    """
    days = session.execute(
        text(
            """
            SELECT (e.recorded_at AT TIME ZONE 'UTC')::date AS day,
                avg((r.created_at > now() - make_interval(secs => :settle_s))::int) AS new
            FROM ecgs e JOIN reports r ON r.ecg_id = e.id
            WHERE e.simulated = :simulated AND e.recorded_at >= :start AND e.recorded_at < :end
                AND r.source = 'overread' AND r.current
            GROUP BY 1 ORDER BY 1
            """
        ),
        {
            "simulated": simulated,
            "settle_s": settle_days * 86_400,
            "start": _start(first),
            "end": _start(last + timedelta(days=1)),
        },
    )
    for day, new in days:
        if new > LATE:
            return day - timedelta(days=1)  # type: ignore[no-any-return]
    return last


def pairs(session: Session, slot: int, first: date, last: date, *, simulated: bool) -> list[CountedPair]:
    """Return the pairs of the ECGs recorded from `first` to `last` (UTC), in the order of their recording."""
    rows = session.execute(
        text(
            f"SELECT site_id, device_id, device_software_id, recorded_at, cell_id FROM pairs_{slot:d} "  # noqa: S608
            "WHERE simulated = :simulated AND recorded_at >= :start AND recorded_at < :end ORDER BY recorded_at, ecg_id"
        ),
        {"simulated": simulated, "start": _start(first), "end": _start(last + timedelta(days=1))},
    )
    return [CountedPair(*row) for row in rows]


def streams(session: Session, watch_id: uuid.UUID) -> Sequence[WatchStream]:
    """Return all streams of a watch."""
    return session.scalars(select(WatchStream).where(WatchStream.watch_id == watch_id)).all()


def stream(session: Session, stream_id: uuid.UUID) -> WatchStream | None:
    """Return a stream, or None."""
    return session.get(WatchStream, stream_id)


def newest_streams(
    session: Session, watch_id: uuid.UUID, position: Position | None, limit: int
) -> Sequence[WatchStream]:
    """Return streams of a watch, the newest first, one more than `limit`."""
    statement = select(WatchStream).where(WatchStream.watch_id == watch_id)
    return session.scalars(after(statement, WatchStream.created_at, WatchStream.id, position, limit=limit)).all()


def open_alarms(session: Session, stream_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Return how many alarms of streams wait for an answer."""
    statement = (
        select(WatchAlarm.stream_id, func.count())
        .where(WatchAlarm.stream_id.in_(stream_ids), WatchAlarm.verdict.is_(None))
        .group_by(WatchAlarm.stream_id)
    )
    return dict(session.execute(statement).all())


def days(session: Session, stream_id: uuid.UUID, *, newest: int) -> Sequence[WatchDay]:
    """Return the newest days of a stream, the oldest of them first."""
    statement = select(WatchDay).where(WatchDay.stream_id == stream_id).order_by(WatchDay.day.desc()).limit(newest)
    return list(reversed(session.scalars(statement).all()))


def unit_of(session: Session, stream_id: uuid.UUID, place: int) -> float:
    """Return how much of a chart's stored statistic is 1 in log-likelihood."""
    return float(session.scalars(select(WatchStream.charts).where(WatchStream.id == stream_id)).one()[place]["unit"])


def alarm(session: Session, alarm_id: uuid.UUID) -> WatchAlarm | None:
    """Return an alarm, or None."""
    return session.get(WatchAlarm, alarm_id)


def newest_alarms(
    session: Session, position: Position | None, limit: int, *, unanswered: bool, stream_id: uuid.UUID | None = None
) -> Sequence[Row[WatchAlarm, WatchStream]]:
    """Return alarms with their streams, the newest first, one more than `limit`."""
    statement = select(WatchAlarm, WatchStream).join(WatchStream, WatchStream.id == WatchAlarm.stream_id)
    if unanswered:
        statement = statement.where(WatchAlarm.verdict.is_(None))
    if stream_id is not None:
        statement = statement.where(WatchAlarm.stream_id == stream_id)
    return session.execute(after(statement, WatchAlarm.rung_at, WatchAlarm.id, position, limit=limit)).all()


def not_by_chance(session: Session, watch_id: uuid.UUID) -> Sequence[Row[WatchAlarm, WatchStream]]:
    """Return the newest alarms of a watch that nobody called chance, with their streams, at most 1,000."""
    statement = (
        select(WatchAlarm, WatchStream)
        .join(WatchStream, WatchStream.id == WatchAlarm.stream_id)
        .where(WatchStream.watch_id == watch_id, WatchAlarm.verdict.is_distinct_from("chance"))
        .order_by(WatchAlarm.day.desc(), WatchAlarm.id)
        .limit(1000)
    )
    return session.execute(statement).all()


def rang_since(session: Session, vocabulary_id: uuid.UUID, simulated: bool, moment: datetime) -> bool:
    """Return whether an alarm rang after a moment, or waits for an answer; one answered as chance does not count."""
    statement = (
        select(WatchAlarm.id)
        .join(WatchStream, WatchStream.id == WatchAlarm.stream_id)
        .join(Watch, Watch.id == WatchStream.watch_id)
        .where(
            Watch.vocabulary_id == vocabulary_id,
            Watch.simulated == simulated,
            WatchAlarm.verdict.is_(None) | ((WatchAlarm.verdict == "change") & (WatchAlarm.rung_at > moment)),
        )
        .limit(1)
    )
    return session.scalar(statement) is not None


def names(session: Session, keys: Sequence[StreamKey]) -> dict[int, str]:
    """Return the names of sites, devices and software versions by their ids."""
    ids = {each for key in keys for each in key}
    rows = session.execute(
        text("SELECT id, value FROM attribute_values WHERE id = ANY(:ids)"), {"ids": sorted(ids - {0})}
    )
    return dict(rows.all())


def add_all(session: Session, rows: Sequence[WatchDay | WatchAlarm | WatchStream]) -> None:
    """Store rows."""
    session.add_all(rows)
    session.flush()


def _start(day: date) -> str:
    return f"{day.isoformat()} 00:00:00+00"
