"""What pairs can be chosen and grouped by: one table, from which filters, groups and columns follow.

A new attribute is one line of `ATTRIBUTES`, and its column in `tables.py` and a migration.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import Query
from numpy.typing import NDArray

from app.disagreement.tables import changes, pair_totals
from app.ecgs.parameters import Device, From, Location, Simulated, Site, To
from app.ecgs.schemas import Sex
from app.kit.text import Name
from app.rules.name import RULES
from ml.formats.ecg_file import MEASURED

GroupKey = str | int | bool | None
Operator = Literal["=", "<", "<=", ">="]
Integers = NDArray[np.int64]

SEXES = ("unknown", "male", "female")
"""By their codes in ISO 5218."""
KNOWN = ("unknown", "yes", "no")
"""By their codes in `pairs`."""
OLDEST = 130.0
NO_BAND = -32_768
"""The group of what was not measured, and what its column then holds: an axis may be -1."""


@dataclass(frozen=True, kw_only=True)
class Filter:
    """A filter: its name and type as a parameter, and how it compares its column with the value: as SQL says it."""

    name: str
    type: Any
    operator: Operator = "="
    alias: str = ""  # as clients write it, where that is another name
    stored: Callable[[Any], Any] = lambda value: value  # what the column holds for the value

    @property
    def condition(self) -> str:
        """SQL of what is asked of the column `{0}`."""
        return f"{{0}} {self.operator} :{self.name}"


@dataclass(frozen=True, kw_only=True)
class Grouping:
    """A way to group: a group's number, made of the column, and how that number is shown.

    `width` is that of a band of numbers, of which a group is the least. `chooses` returns the parameters that choose a
    known group alone; None: the one of the grouping's own name.
    """

    name: str
    number: Callable[[Integers], Integers] = lambda values: values
    shown: Callable[[int], GroupKey] = lambda value: None if value < 0 else value
    width: int | None = None
    chooses: Callable[[Any], dict[str, str]] | None = None

    def chosen(self, group: GroupKey) -> dict[str, str] | None:
        """Return the parameters of filters that choose a group alone; None where it is what is not known."""
        if group is None:
            return None
        if self.chooses is not None:
            return self.chooses(group)
        return {self.name: str(group).lower() if isinstance(group, bool) else str(group)}


@dataclass(frozen=True, kw_only=True, eq=False)
class Attribute:
    """Something that is known of a pair.

    Attributes
    ----------
    column
        Of `pairs`: what the filters ask. `{off_hours}` stands for `OffHours.sql` and `OffHours.among`.
    written
        SQL of what stands there, made of the ECG `e`, its readings `p` and the local time `{local}`; None: nothing, it
        is no column. Of a name it is the name; the column holds its id in `attribute_values`.
    counted_by
        The column that groups are made of, where that is another one.
    facet
        Its number in `pair_totals`; None: questions about it read the columns. A migration has to count a new one.
    is_fine
        Whether groups by it have nearly as many totals as there are pairs: they are counted from the columns.
    name
        Of a name: the attribute in `attribute_values`.
    """

    column: str
    written: str | None = None
    filters: tuple[Filter, ...] = ()
    groupings: tuple[Grouping, ...] = ()
    counted_by: str | None = None
    facet: int | None = None
    is_fine: bool = False
    name: str | None = None

    @property
    def counted(self) -> str:
        """The column that groups are made of."""
        return self.counted_by or self.column

    @property
    def in_changes(self) -> bool:
        """Whether `changes` has the column."""
        return self.column in changes.c

    @property
    def in_totals(self) -> bool:
        """Whether each row of `pair_totals` has the column, as those of `pairs`."""
        return self.column in pair_totals.c


def month_name(month: int) -> str:
    """Return a month (12 · year + month - 1) as ISO 8601 writes it."""
    return f"{month // 12:04d}-{month % 12 + 1:02d}"


def _month(name: str) -> dict[str, str]:
    """Return the parameters that choose a month."""
    year, month = map(int, name.split("-"))
    start = 12 * year + month - 1
    return {"from": f"{month_name(start)}-01", "to": f"{month_name(start + 1)}-01"}


def _year(year: int) -> dict[str, str]:
    """Return the parameters that choose a year."""
    return {"from": f"{year:04d}-01-01", "to": f"{year + 1:04d}-01-01"}


def _decade(age: int) -> dict[str, str]:
    """Return the parameters that choose a decade of age: its end is the largest number below the next one."""
    return {"age_min": str(age), "age_max": repr(min(OLDEST, math.nextafter(age + 10, 0)))}


def _named(name: str, type: Any, row: str = "e", *, facet: int | None = None) -> Attribute:
    """Return an attribute whose values are names, of the ECG or the over-read."""
    return Attribute(
        name=name,
        column=f"{name}_id",
        written=f"{row}.{name}",
        filters=(Filter(name=name, type=type),),
        groupings=(Grouping(name=name),),
        facet=facet,
    )


def _coded(name: str, type: Any, words: tuple[str, ...], row: str, *, facet: int | None = None) -> Attribute:
    """Return an attribute whose values are a few words, kept by their places in `words`."""
    return Attribute(
        column=name,
        written=f"array_position(ARRAY{list(words)}, {row}.{name}::text) - 1",
        filters=(Filter(name=name, type=type, stored=words.index),),
        groupings=(Grouping(name=name, shown=words.__getitem__),),
        facet=facet,
    )


def _local(name: str, field: str, lowest: int, highest: int, *, description: str) -> Attribute:
    """Return a part of the local time of the recording."""
    asked = Annotated[int | None, Query(ge=lowest, le=highest, description=description)]
    return Attribute(
        column=name,
        written=f"coalesce(extract({field} FROM {{local}}), -1)",
        filters=(Filter(name=name, type=asked),),
        groupings=(Grouping(name=name),),
    )


def _range(name: str, lowest: float, highest: float, unit: str) -> tuple[Filter, Filter]:
    asked = Annotated[
        float | None,
        Query(ge=lowest, le=highest, allow_inf_nan=False, description=f"{unit[:1].upper()}{unit[1:]}, inclusive."),
    ]
    return (
        Filter(name=f"{name}_min", type=asked, operator=">="),
        Filter(name=f"{name}_max", type=asked, operator="<="),
    )


def _measured(name: str, width: int) -> Attribute:
    """Return a measurement of the device, grouped by bands of a width."""
    lowest, highest = MEASURED[name][:2]
    return Attribute(
        column=name,
        written=f"e.{name}::smallint",
        filters=_range(name, *MEASURED[name]),
        groupings=(
            Grouping(
                name=name,
                number=lambda values: np.where(values == NO_BAND, NO_BAND, values // width * width),
                shown=lambda value: None if value == NO_BAND else value,
                width=width,
                chooses=lambda least: {
                    f"{name}_min": str(max(lowest, least)),
                    f"{name}_max": str(min(highest, least + width - 1)),
                },
            ),
        ),
    )


def software(machine_reader: str) -> str:
    """Return the SQL of what read the ECG `e` for its device, or, where the reading is ours, the rules' version."""
    return f"CASE WHEN starts_with({machine_reader}, '{RULES}') THEN {machine_reader} ELSE e.device_software END"


_Software = Annotated[
    Name | None,
    Query(
        description="What made the machine's reading; of readings by our rules their version.", examples=["12SL v23"]
    ),
]
_Reader = Annotated[Name | None, Query(description="Whose over-read it is.", examples=["reader-7"])]
_Sex = Annotated[Sex | None, Query()]
_Blinded = Annotated[
    Literal["yes", "no", "unknown"] | None,
    Query(description="Whether the over-reader had not seen the machine's text."),
]
_Validated = Annotated[
    Literal["yes", "no", "unknown"] | None, Query(description="Whether a person has confirmed the over-read.")
]
_OffHours = Annotated[
    bool | None,
    Query(description="Recorded in off-hours of the site, or not: `OVERREAD_OFF_HOURS`, `OVERREAD_OFF_DAYS`."),
]

TIME = Attribute(
    column="recorded_at",
    written="e.recorded_at",
    filters=(
        Filter(name="recorded_from", alias="from", type=From, operator=">="),
        Filter(name="recorded_to", alias="to", type=To, operator="<"),
    ),
    groupings=(
        Grouping(name="month", shown=lambda value: None if value < 0 else month_name(value), chooses=_month),
        Grouping(name="year", number=lambda months: np.where(months < 0, -1, months // 12), chooses=_year),
    ),
    counted_by="month",
    is_fine=True,
    facet=7,
)
AGE = Attribute(
    column="age",
    written="e.age",
    filters=_range("age", 0, OLDEST, "years"),
    groupings=(
        Grouping(name="age", number=lambda years: np.where(years < 0, -1, years // 10 * 10), width=10, chooses=_decade),
    ),
    counted_by="age_years",
    is_fine=True,
    facet=6,
)
ATTRIBUTES: tuple[Attribute, ...] = (
    TIME,
    _named("site", Site, facet=1),
    _named("device", Device, facet=2),
    replace(_named("device_software", _Software, facet=3), written=software("p.machine_reader")),
    _named("reader", _Reader, "p", facet=4),
    _coded("sex", _Sex, SEXES, "e", facet=5),
    AGE,
    Attribute(
        column="simulated",
        written="e.simulated",
        filters=(Filter(name="simulated", type=Simulated),),
    ),
    _named("location", Location),
    _local("hour", "hour", 0, 23, description="Hour of the recording in the site's time zone."),
    _local("weekday", "isodow", 1, 7, description="Day of the recording in the site's time zone; 1 is Monday."),
    Attribute(
        column="{off_hours}",
        filters=(Filter(name="off_hours", type=_OffHours),),
        groupings=(Grouping(name="off_hours", shown=lambda value: None if value < 0 else bool(value)),),
    ),
    _coded("blinded", _Blinded, KNOWN, "p"),
    _coded("validated", _Validated, KNOWN, "p"),
    _measured("heart_rate", 10),
    _measured("pr_ms", 20),
    _measured("qrs_ms", 10),
    _measured("qt_ms", 20),
    _measured("qtc_ms", 20),
    _measured("p_axis", 30),
    _measured("qrs_axis", 30),
    _measured("t_axis", 30),
)
NAMED: dict[str, Attribute] = {attribute.name: attribute for attribute in ATTRIBUTES if attribute.name is not None}
"""Attributes whose values are names, which pairs hold by their ids."""
FILTERS: dict[str, tuple[Attribute, Filter]] = {
    asked.name: (attribute, asked) for attribute in ATTRIBUTES for asked in attribute.filters
}
GROUPINGS: dict[str, tuple[Attribute, Grouping]] = {
    grouping.name: (attribute, grouping) for attribute in ATTRIBUTES for grouping in attribute.groupings
}
