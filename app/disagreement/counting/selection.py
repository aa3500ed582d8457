"""Which pairs are asked for, and by what they are grouped."""

import math
from dataclasses import field, make_dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from app.disagreement.attributes import FILTERS, GROUPINGS, NAMED, Attribute
from app.disagreement.off_hours import OffHours
from app.ecgs.filters import EcgFilter

if TYPE_CHECKING:
    GroupBy = str

    class PairFilter(EcgFilter):
        """Which pairs count: a field for each of `FILTERS`, None where it is not asked, and what are off-hours."""

        def __init__(self, **given: Any) -> None: ...
        def __getattr__(self, name: str) -> Any: ...

else:
    GroupBy = Literal[tuple(GROUPINGS)]
    PairFilter = make_dataclass(
        "PairFilter",
        [
            *((name, Any, field(default=None)) for name in FILTERS if name not in EcgFilter.__dataclass_fields__),
            ("calendar", OffHours, field(default=OffHours(), repr=False)),
        ],
        bases=(EcgFilter,),
        namespace={"NAMES": tuple(name for name in NAMED if name != "reader"), "__module__": __name__},
        frozen=True,
        kw_only=True,
    )


def with_off_hours(chosen: PairFilter, off_hours: OffHours) -> PairFilter:
    """Return a filter with what the service calls off-hours."""
    return PairFilter(**{**vars(chosen), "calendar": off_hours})


def asks(chosen: PairFilter, attribute: Attribute) -> bool:
    """Return whether there is a filter on an attribute."""
    return any(getattr(chosen, asked.name) is not None for asked in attribute.filters)


def names(chosen: PairFilter) -> dict[str, str]:
    """Return the names that are asked, by attribute."""
    return {name: value for name in NAMED if (value := getattr(chosen, name)) is not None}


def given(chosen: PairFilter) -> dict[str, Any]:
    """Return the filters that are asked, by name."""
    return {name: value for name in FILTERS if (value := getattr(chosen, name)) is not None}


def are_separate(a: PairFilter, b: PairFilter) -> bool:
    """Return whether no pair can be in both choices: one filter asks of them what no pair has both of."""
    for name, ours in given(a).items():
        theirs = getattr(b, name)
        if name.endswith("_min") or name == "recorded_from":
            if _is_below(b, ours, name):
                return True
        elif name.endswith("_max") or name == "recorded_to":
            continue
        elif theirs is not None and theirs != ours:
            return True
    return any(_is_below(a, least, name) for name, least in given(b).items() if name.endswith(("_min", "_from")))


def _is_below(chosen: PairFilter, least: Any, name: str) -> bool:
    """Return whether a choice ends before another's `least`. Ranges of time are open at their end."""
    if name == "recorded_from":
        return chosen.recorded_to is not None and chosen.recorded_to <= least
    most = getattr(chosen, f"{name.removesuffix('_min')}_max")
    return most is not None and most < least


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
