"""The charts of a stream, day by day: they learn their reference, watch, ring, and wait for an answer.

A chart is a label and a direction. `added`: of the readings in which the machine does not state the label, those to
which the expert adds it; `removed`: of the readings in which it does, those from which the expert removes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from ml.evaluation import cusum
from ml.evaluation.cusum import DAYS_A_YEAR, Reference, Tuned, Weights

Direction = Literal["added", "removed"]
DIRECTIONS: tuple[Direction, ...] = ("added", "removed")

FEWEST = 50
"""Readings that a reference has at least."""
MORE = 1.5
"""A reference that did not do is tried again when it has this many times the readings."""
FOUND_WITHIN_DAYS = 60
"""A chart is tuned for the smallest rise that it finds within so many days on average."""

Bits = NDArray[np.bool_]


@dataclass(frozen=True)
class Rule:
    """How the watch alarms: false alarms a year in all charts together, and the least length of a reference."""

    false_alarms_a_year: float
    reference_days: int


class Chart(BaseModel):
    """A chart as it is stored.

    Attributes
    ----------
    readings, events
        Of the reference, from `reference_from` to `reference_to` (both days are in it).
    tried
        The readings with which the reference did not do.
    statistic, since, since_readings, since_events
        Where the chart stands, from which day it has been above 0, and what was counted since.
    """

    label: str
    direction: Direction
    state: Literal["learning", "watching", "ringing"] = "learning"
    reference_from: date
    reference_to: date | None = None
    readings: int = 0
    events: int = 0
    readings_a_year: float = 0
    tried: int = 0
    odds: float | None = None
    up: int = 0
    down: int = 0
    unit: float = 1
    limits: tuple[float, ...] = ()
    false_alarms: tuple[float, ...] = ()
    statistic: int = 0
    since: date | None = None
    since_readings: int = 0
    since_events: int = 0

    @property
    def weights(self) -> Weights:
        """What its statistic goes up and down by."""
        return Weights(self.up, self.down, self.unit)

    def limit(self, a_year: float) -> int:
        """Return the limit with so many false alarms a year."""
        return Tuned(self.odds or 0, self.weights, self.limits, self.false_alarms).limit(a_year)

    def restarted(self) -> "Chart":
        """Return the chart with the same reference, at its beginning."""
        return self.model_copy(
            update={"state": "watching", "statistic": 0, "since": None, "since_readings": 0, "since_events": 0}
        )


class Day(NamedTuple):
    """The pairs of a day in their order, (pair, label): whether the machine states it, and whether it was changed."""

    day: date
    machine: Bits
    added: Bits
    removed: Bits

    def counted(self) -> Bits:
        """Return whether a pair counts for a chart: (pair, chart)."""
        return np.concatenate([~self.machine, self.machine], axis=1)

    def events(self) -> Bits:
        """Return whether a pair is an event of a chart: (pair, chart)."""
        return np.concatenate([self.added, self.removed], axis=1)


class Ring(NamedTuple):
    """A chart that has rung: its place, and the limit that it reached."""

    chart: int
    limit: int


def fresh(labels: Sequence[str], day: date) -> list[Chart]:
    """Return the charts of a stream that begins: those of all labels added, then removed."""
    return [Chart(label=label, direction=way, reference_from=day) for way in DIRECTIONS for label in labels]


def compared_with(earlier: Sequence[Chart], day: date) -> list[Chart]:
    """Return the charts of a new software version: they compare with the reference of the version before.

    What that one had not learned yet the new one learns for itself.
    """
    return [
        Chart(label=each.label, direction=each.direction, reference_from=day)
        if each.state == "learning"
        else each.restarted()
        for each in earlier
    ]


def watched(charts: Sequence[Chart]) -> int:
    """Return how many charts have a reference."""
    return sum(chart.state != "learning" for chart in charts)


def count(charts: Sequence[Chart], day: Day, rule: Rule, of_all: int) -> tuple[list[Chart], list[Ring]]:
    """Return the charts after a day, and those that rang. `of_all` charts share the false alarms."""
    counted, events = day.counted(), day.events()
    a_year = rule.false_alarms_a_year / of_all
    after, rings = list(charts), []
    watching = [at for at, chart in enumerate(charts) if chart.state == "watching"]
    if watching and len(counted):
        start = np.array([charts[at].statistic for at in watching], np.int64)
        path = cusum.run(start, counted[:, watching], events[:, watching], [charts[at].weights for at in watching])
        for place, at in enumerate(watching):
            limit = charts[at].limit(a_year)
            after[at], rang = _watched(charts[at], day.day, path[:, place], (counted[:, at], events[:, at], limit))
            if rang:
                rings.append(Ring(at, limit))
    for at, chart in enumerate(charts):
        if chart.state == "learning":
            after[at] = _learned(
                chart, day.day, (int(counted[:, at].sum()), int(events[:, at].sum())), rule, a_year=a_year
            )
    return after, rings


def _watched(chart: Chart, day: date, path: NDArray[np.int64], of_day: tuple[Bits, Bits, int]) -> tuple[Chart, bool]:
    """Return a watching chart after a day, and whether it rang; what comes after the ring does not count."""
    counted, events, limit = of_day
    rang = path >= limit
    end = int(np.argmax(rang)) + 1 if rang.any() else len(path)
    zeros = np.flatnonzero(path[:end] == 0)
    begin = int(zeros[-1]) + 1 if len(zeros) else 0
    more = {"since_readings": int(counted[begin:end].sum()), "since_events": int((counted & events)[begin:end].sum())}
    changed: dict[str, Any] = {"statistic": int(path[end - 1]), "state": "ringing" if rang.any() else "watching"}
    if len(zeros) or chart.since is None:
        changed |= {"since": day if changed["statistic"] > 0 else None, **more}
    else:
        changed |= {name: getattr(chart, name) + number for name, number in more.items()}
    return chart.model_copy(update=changed), bool(rang.any())


def _learned(chart: Chart, day: date, of_day: tuple[int, int], rule: Rule, *, a_year: float) -> Chart:
    """Return a learning chart after a day; it watches from the next day on where its reference does."""
    if day < chart.reference_from:
        return chart
    readings, events = chart.readings + of_day[0], chart.events + of_day[1]
    learned = chart.model_copy(update={"readings": readings, "events": events})
    days = (day - chart.reference_from + timedelta(days=1)).days
    if days < rule.reference_days or readings < max(FEWEST, MORE * chart.tried):
        return learned
    readings_a_year = readings / days * DAYS_A_YEAR
    found = cusum.chosen(Reference(readings, events, readings_a_year), a_year, FOUND_WITHIN_DAYS)
    if found is None:
        return learned.model_copy(update={"tried": readings})
    return learned.model_copy(
        update={
            "state": "watching",
            "reference_to": day,
            "readings_a_year": readings_a_year,
            "odds": found.odds,
            **found.weights._asdict(),
            "limits": found.limits,
            "false_alarms": found.false_alarms,
        }
    )
