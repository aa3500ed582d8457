"""Counting days: from pairs to charts, alarms and rows."""

import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import NamedTuple

import numpy as np
from sqlalchemy.orm import Session

from app.change_watch import charts, queries
from app.change_watch.charts import Chart, Day, Ring, Rule
from app.change_watch.queries import CountedPair, StreamKey
from app.change_watch.tables import Watch, WatchAlarm, WatchDay, WatchStream
from app.disagreement.counting.cells import CellBook
from app.ecgs.filters import wants_simulated
from app.kit import audit
from app.settings import Settings
from app.vocabularies import queries as vocabularies
from app.vocabularies.tables import VocabularyRow
from ml.corpus.sources import HEDGED

ACTOR = "change watch"
DAYS_AT_ONCE = 7
"""Days that are counted in one transaction."""
ACTIVE_DAYS = 60
"""A stream without an ECG for so many days has no share in the false alarms."""
LOOK_EVERY_S = 300.0


class Counted(NamedTuple):
    """What one transaction counted: up to which day, and the alarms; `more`: whether there may be further days."""

    to: date | None
    alarms: list[uuid.UUID]
    more: bool


def rule_of(settings: Settings) -> Rule:
    """Return the rule by which the watch alarms."""
    return Rule(settings.watch_false_alarms_a_year, settings.watch_reference_days)


def labels_of(vocabulary: VocabularyRow) -> list[str]:
    """Return the keys of a vocabulary's labels, in their order."""
    return [label["key"] for label in vocabulary.outline["labels"]]


def watch_of(session: Session) -> tuple[VocabularyRow, Watch]:
    """Return the active vocabulary, and its watch of the real ECGs where there are any, else of the simulated ones."""
    vocabulary = vocabularies.active(session)
    simulated = wants_simulated(session, None)
    found = queries.find(session, vocabulary.id, simulated)
    if found is None:
        queries.begun(session, vocabulary.id, simulated)
        found = queries.find(session, vocabulary.id, simulated)
        assert found is not None
    return vocabulary, found


def count_some(session: Session, settings: Settings, *, settled: bool) -> Counted:
    """Count the next days, at most `DAYS_AT_ONCE`: of those that have ended, or only of those that have `settled`."""
    vocabulary, watch = watch_of(session)
    watch = queries.locked(session, watch.id)
    assert vocabulary.slot is not None
    first = queries.next_day(session, vocabulary.slot, simulated=watch.simulated, beyond=watch.counted_to)
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    if first is None or first > yesterday:
        return Counted(watch.counted_to, [], more=False)
    last = min(first + timedelta(days=DAYS_AT_ONCE - 1), yesterday)
    if settled:
        days = settings.watch_settle_days
        last = min(last, yesterday - timedelta(days=days))
        last = queries.settled_to(session, first, last, simulated=watch.simulated, settle_days=days)
    if last < first:
        return Counted(watch.counted_to, [], more=False)
    counting = Counting(session, watch, labels_of(vocabulary), rule_of(settings))
    pairs = queries.pairs(session, vocabulary.slot, first, last, simulated=watch.simulated)
    alarms = counting.count(pairs)
    watch.counted_to = pairs[-1].recorded_at.astimezone(UTC).date()
    return Counted(watch.counted_to, alarms, more=True)


def look(session: Session, settings: Settings) -> None:
    """Count the next days that have settled, where no worker has looked a short time ago."""
    _, watch = watch_of(session)
    if queries.take_turn(session, watch.id, LOOK_EVERY_S) and count_some(session, settings, settled=True).more:
        queries.take_turn_again(session, watch.id)


class Counting:
    """Counts the pairs of some days into the streams of a watch."""

    def __init__(self, session: Session, watch: Watch, labels: Sequence[str], rule: Rule) -> None:
        self._session, self._watch, self._labels, self._rule = session, watch, labels, rule
        self._book = CellBook()
        self._streams: dict[StreamKey, WatchStream] = {
            (each.site_id, each.device_id, each.device_software_id): each for each in queries.streams(session, watch.id)
        }
        self._charts = {key: [Chart(**chart) for chart in each.charts] for key, each in self._streams.items()}

    def count(self, pairs: Sequence[CountedPair]) -> list[uuid.UUID]:
        """Count pairs of whole days; return the alarms."""
        rows: list[WatchDay] = []
        alarms: list[WatchAlarm] = []
        for day, of_day in groupby(pairs, lambda pair: pair.recorded_at.astimezone(UTC).date()):
            of_all = self._sharing(day)
            for key, counted in self._by_stream(day, list(of_day)):
                stream = self._stream(key, day)
                after, rings = charts.count(self._charts[key], counted, self._rule, of_all)
                self._charts[key] = after
                stream.last_day, stream.pairs = day, stream.pairs + len(counted.machine)
                rows.append(_row(stream, counted, after))
                alarms += [_alarm(stream, after[ring.chart], day, ring) for ring in rings]
        for key in {(row.site_id, row.device_id, row.device_software_id) for row in pairs} & self._charts.keys():
            self._streams[key].charts = [chart.model_dump(mode="json") for chart in self._charts[key]]
        queries.add_all(self._session, [*rows, *alarms])
        for alarm in alarms:
            about = {"label": alarm.label, "direction": alarm.direction, "day": alarm.day.isoformat()}
            audit.record(self._session, ACTOR, "ring", "change_alarm", resource_id=alarm.id, after=about)
        return [alarm.id for alarm in alarms]

    def _sharing(self, day: date) -> int:
        """Return how many charts share the false alarms: those with a reference, of streams that are in use."""
        since = day - timedelta(days=ACTIVE_DAYS)
        active = [key for key, stream in self._streams.items() if stream.last_day >= since]
        return max(2 * len(self._labels), sum(charts.watched(self._charts[key]) for key in active))

    def _by_stream(self, day: date, pairs: Sequence[CountedPair]) -> Iterator[tuple[StreamKey, Day]]:
        """Yield what the pairs of a day say, stream by stream; pairs that are not compared are left out."""
        cells = self._book.read(self._session, np.array([pair.cell_id for pair in pairs], np.int64))
        by_stream: dict[StreamKey, list[int]] = defaultdict(list)
        for place in np.flatnonzero(cells.left_out == 0).tolist():
            pair = pairs[place]
            by_stream[pair.site_id, pair.device_id, pair.device_software_id].append(place)
        bits = np.arange(len(self._labels))
        machine, added, removed = (
            (mask[:, None] >> bits & 1).astype(np.bool_)
            for mask in (cells.masks.machine(HEDGED), cells.masks.added(HEDGED), cells.masks.removed(HEDGED))
        )
        for key in sorted(by_stream):
            rows = by_stream[key]
            yield key, Day(day, machine[rows], added[rows], removed[rows])

    def _stream(self, key: StreamKey, day: date) -> WatchStream:
        """Return a stream; one that is seen for the first time begins."""
        if key in self._streams:
            return self._streams[key]
        site_id, device_id, software_id = key
        earlier = max(
            (each for known, each in self._streams.items() if known[:2] == key[:2]),
            key=lambda each: each.last_day,
            default=None,
        )
        if earlier is not None:
            known = self._charts[earlier.site_id, earlier.device_id, earlier.device_software_id]
            begun = charts.compared_with(known, day)
        else:
            begun = charts.fresh(self._labels, day)
        stream = WatchStream(
            id=uuid.uuid4(),
            watch_id=self._watch.id,
            site_id=site_id,
            device_id=device_id,
            device_software_id=software_id,
            compared_with=earlier.id if earlier is not None else None,
            first_day=day,
            last_day=day,
            pairs=0,
            charts=[],
        )
        queries.add_all(self._session, [stream])
        opened = {"site": site_id, "device": device_id, "device_software": software_id, "day": day.isoformat()}
        audit.record(self._session, ACTOR, "open", "change_stream", resource_id=stream.id, after=opened)
        self._streams[key], self._charts[key] = stream, begun
        return stream


def _row(stream: WatchStream, counted: Day, after: Sequence[Chart]) -> WatchDay:
    return WatchDay(
        stream_id=stream.id,
        day=counted.day,
        pairs=len(counted.machine),
        machine=counted.machine.sum(axis=0).tolist(),
        added=counted.added.sum(axis=0).tolist(),
        removed=counted.removed.sum(axis=0).tolist(),
        statistics=[chart.statistic for chart in after],
    )


def _alarm(stream: WatchStream, chart: Chart, day: date, ring: Ring) -> WatchAlarm:
    return WatchAlarm(
        id=uuid.uuid4(),
        stream_id=stream.id,
        label=chart.label,
        direction=chart.direction,
        day=day,
        since=chart.since or day,
        readings=chart.since_readings,
        events=chart.since_events,
        reference_readings=chart.readings,
        reference_events=chart.events,
        statistic=chart.statistic,
        limit=ring.limit,
    )
