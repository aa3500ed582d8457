"""Which pairs are asked for, and by what they are grouped."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from app.ecgs.filters import EcgFilter

GroupBy = Literal["site", "location", "device", "device_software", "reader", "sex", "age", "month", "year"]
NAMED = ("site", "location", "device", "device_software", "reader")
"""Attributes whose values are names, which pairs hold by their ids."""
SEXES = ("unknown", "male", "female")
"""By their codes in ISO 5218."""
KNOWN = ("unknown", "yes", "no")
"""By their codes in `pairs`."""


@dataclass(frozen=True, kw_only=True)
class PairFilter(EcgFilter):
    """Which pairs count; ages are inclusive, in years."""

    location: str | None = None
    device_software: str | None = None
    reader: str | None = None
    sex: str | None = None
    age_min: float | None = None
    age_max: float | None = None

    @property
    def names(self) -> dict[str, str]:
        """The names asked for, by attribute."""
        return {attribute: name for attribute in NAMED if (name := getattr(self, attribute)) is not None}

    @property
    def says_when(self) -> bool:
        """Whether there is a filter on the time of recording."""
        return self.recorded_from is not None or self.recorded_to is not None

    @property
    def says_age(self) -> bool:
        """Whether there is a filter on age."""
        return self.age_min is not None or self.age_max is not None


class Edge(NamedTuple):
    """A part of a month or of a year of age; None: no bound. The end is exclusive unless `closed`."""

    start: datetime | float | None
    end: datetime | float | None
    closed: bool = False


class Whole(NamedTuple):
    """A range cut into whole months (or years of age), from `first` to `last`, and what is left at its edges."""

    first: int
    last: int
    edges: tuple[Edge, ...]


def months(start: datetime | None, end: datetime | None) -> Whole:
    """Cut a range of time into whole months (12 · year + month - 1, UTC) and its edges."""
    first, head = 0, None
    if start is not None:
        first = month_of(start)
        if start != month_start(first):
            first, head = first + 1, start
    last = month_of(datetime.max.replace(tzinfo=UTC))
    tail = None
    if end is not None:
        last = month_of(end) - 1
        tail = None if end == month_start(last + 1) else end
    if first > last:  # within a month, or across the turn of one
        return Whole(1, 0, (Edge(start, end),) if start is None or end is None or start < end else ())
    edges = []
    if head is not None:
        edges.append(Edge(head, month_start(first)))
    if tail is not None:
        edges.append(Edge(month_start(last + 1), tail))
    return Whole(first, last, tuple(edges))


def years_of_age(age_min: float | None, age_max: float | None) -> Whole:
    """Cut a range of ages, both ends inclusive, into whole years and its edges."""
    first = 0 if age_min is None else math.ceil(age_min)
    last = 130 if age_max is None else math.floor(age_max) - 1
    if first > last:
        low = 0.0 if age_min is None else age_min
        high = 130.0 if age_max is None else age_max
        return Whole(1, 0, (Edge(low, high, closed=True),) if low <= high else ())
    edges = []
    if age_min is not None and age_min < first:
        edges.append(Edge(age_min, float(first)))
    if age_max is not None:
        edges.append(Edge(float(last + 1), age_max, closed=True))
    return Whole(first, last, tuple(edges))


def month_of(at: datetime) -> int:
    """Return the number of a time's month: 12 · year + month - 1, in UTC."""
    at = at.astimezone(UTC)
    return 12 * at.year + at.month - 1


def month_start(month: int) -> datetime:
    """Return the instant at which a month begins."""
    return datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)


def month_name(month: int) -> str:
    """Return a month as ISO 8601 writes it."""
    return f"{month // 12:04d}-{month % 12 + 1:02d}"
