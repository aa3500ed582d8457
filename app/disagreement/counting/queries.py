"""SQL that counts pairs by cell.

Pairs that are simulated, blinded or validated have totals of their own. A question about one further attribute that has
totals, or about none, is answered from `pair_totals` (a few thousand rows, however many pairs there are), from what
`pair_deltas` holds, and, where a range of time or age cuts a month or a year, from the pairs at its edges: all in one
statement, so in one state of the database. Any other question, and one by month or age, of which there are nearly as
many totals as pairs, reads a few columns of all pairs (`columns`).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.disagreement.attributes import AGE, ATTRIBUTES, FILTERS, GROUPINGS, NAMED, TIME, Attribute, Grouping, Operator
from app.disagreement.columns import queries as columns
from app.disagreement.columns.layout import Batch, comparable, known
from app.disagreement.counting.compact import summed
from app.disagreement.counting.selection import GroupBy, PairFilter, Whole, asks, given, months, names, years_of_age
from app.disagreement.tables import AttributeValue, Cell

Integers = NDArray[np.int64]

EVERYTHING = 0
FACETS = {EVERYTHING: "0"} | {
    attribute.facet: attribute.counted for attribute in ATTRIBUTES if attribute.facet is not None
}
"""What `pair_totals` counts by: columns by their numbers there; 0 is no column, it counts every pair."""

Group = tuple[Attribute, Grouping]
COMPARE: dict[Operator, Callable[[Any, Any], Any]] = {
    "=": np.equal,
    "<": np.less,
    "<=": np.less_equal,
    ">=": np.greater_equal,
}
_OFF_HOURS = ("hour", "weekday")
"""The columns that off-hours are made of."""
_GENEROUS = "SELECT set_config('work_mem', '64MB', true)"
"""For one transaction: memory for what is packed into arrays."""


class Kinds(NamedTuple):
    """How many pairs there are of each cell and kind of over-read: 3 · blinded + validated, as places in `KNOWN`."""

    cell_ids: Integers
    kinds: Integers
    pairs: Integers


@dataclass(frozen=True)
class Counted:
    """How many pairs there are of each group and cell: arrays of one length; `groups` has one array a grouping.

    The same may stand in several rows, of which the sum counts.
    """

    groups: tuple[Integers, ...]
    cell_ids: Integers
    pairs: Integers
    kinds: Kinds


def count_by_cell(session: Session, slot: int, chosen: PairFilter, group_by: Sequence[GroupBy] = ()) -> Counted:
    """Count the chosen pairs of a slot by cell, and by up to two groupings; `GROUPINGS` say what their numbers are."""
    ids = value_ids(session, names(chosen))
    groups = [GROUPINGS[name] for name in group_by]
    asked = [FILTERS[name][0] for name in given(chosen)] + [attribute for attribute, _ in groups]
    apart = {attribute for attribute in asked if not attribute.in_totals}
    if (
        len(apart) <= 1
        and all(attribute.facet is not None for attribute in apart)
        and not any(attribute.is_fine for attribute, _ in groups)
    ):
        return _from_totals(session, slot, chosen, ids, groups=groups, apart=next(iter(apart), None))
    return _from_columns(session, slot, chosen, ids, groups=groups)


def count_pairs(session: Session, slot: int, *, simulated: bool | None = None) -> int:
    """Count the pairs of a slot that are compared: all, or the real or the simulated ones."""
    counted = count_by_cell(session, slot, PairFilter(simulated=simulated))
    found = cells(session, np.unique(counted.cell_ids).tolist())
    compared = np.isin(counted.cell_ids, found[found[:, -1] == 0, 0])
    return int(counted.pairs[compared].sum())


def value_ids(session: Session, asked: Mapping[str, str]) -> dict[str, int]:
    """Return the ids of names by attribute; -1 for a name that no pair has."""
    if not asked:
        return {}
    rows = session.execute(
        select(AttributeValue.attribute, AttributeValue.value, AttributeValue.id).where(
            AttributeValue.attribute.in_(asked), AttributeValue.value.in_(asked.values())
        )
    )
    found = {(attribute, value): id_ for attribute, value, id_ in rows}
    return {attribute: found.get((attribute, name), -1) for attribute, name in asked.items()}


def names_of(session: Session, ids: Collection[int]) -> dict[int, str]:
    """Return the names of attributes' values by id."""
    rows = session.execute(select(AttributeValue.id, AttributeValue.value).where(AttributeValue.id.in_(ids)))
    return dict(rows.all())


def known_names(session: Session, *, simulated: bool, limit: int) -> dict[str, list[str]]:
    """Return, by attribute, the names that some real or simulated ECG, or some over-read, has: `limit` + 1 at most."""
    held = "SELECT FROM ecgs WHERE ecgs.{name} = known.value AND ecgs.simulated = :simulated"
    signed = "SELECT FROM reports WHERE current AND source = 'overread' AND reader <> '' AND reader = known.value"
    parts = [
        f"(SELECT attribute, value FROM attribute_values known WHERE attribute = '{name}' "  # noqa: S608
        f"AND EXISTS ({signed if name == 'reader' else held.format(name=name)}) ORDER BY value LIMIT :limit)"
        for name in NAMED
    ]
    found: dict[str, list[str]] = {name: [] for name in NAMED}
    for name, value in session.execute(text(" UNION ALL ".join(parts)), {"simulated": simulated, "limit": limit + 1}):
        found[name].append(value)
    return found


def cells(session: Session, cell_ids: Collection[int]) -> NDArray[np.int64]:
    """Return cells as an array (cell, 6): id, machine present, uncertain, over-read present, uncertain, left out."""
    rows = session.execute(
        select(
            *(Cell.id, Cell.machine_present, Cell.machine_uncertain),
            *(Cell.overread_present, Cell.overread_uncertain, Cell.left_out),
        ).where(Cell.id.in_(cell_ids))
    ).all()
    return np.array([tuple(row) for row in rows], np.int64).reshape(-1, 6)


def conditions(
    chosen: PairFilter, ids: Mapping[str, object], attributes: Collection[Attribute] = ATTRIBUTES
) -> tuple[list[str], dict[str, Any]]:
    """Return the conditions of a filter on these attributes, and their parameters; `ids` are those of its names."""
    where = [
        condition
        for attribute in attributes
        for condition in _asked_of(_column(attribute.column, chosen), chosen, attribute)
    ]
    return where, _values(chosen, ids, attributes)


def _asked_of(column: str, chosen: PairFilter, attribute: Attribute) -> list[str]:
    """Return what the filters on an attribute ask of a column."""
    return [asked.condition.format(column) for asked in attribute.filters if getattr(chosen, asked.name) is not None]


def _values(chosen: PairFilter, ids: Mapping[str, object], attributes: Collection[Attribute]) -> dict[str, Any]:
    """Return the values of the filters on these attributes as their columns hold them."""
    return {
        name: FILTERS[name][1].stored(value) if FILTERS[name][0].name is None else ids[name]
        for name, value in given(chosen).items()
        if FILTERS[name][0] in attributes
    }


def _column(column: str, chosen: PairFilter) -> str:
    return column.format(off_hours=chosen.calendar.sql())


def _from_columns(
    session: Session, slot: int, chosen: PairFilter, ids: dict[str, int], *, groups: Sequence[Group]
) -> Counted:
    """Count by any attributes: the few columns that the question is about, of all pairs."""
    values = _values(chosen, ids, ATTRIBUTES)
    asked = [(*FILTERS[name], comparable(values[name])) for name in given(chosen)]
    made_of = [
        "cell_id",
        *("blinded", "validated"),
        *(attribute.column for attribute, _, _ in asked),
        *(attribute.counted for attribute, _ in groups),
    ]
    read = dict.fromkeys(column for name in made_of for column in (_OFF_HOURS if name.startswith("{") else (name,)))
    by_cell, by_kind = _Sum(), _Sum()
    for batch in columns.batches(session, slot, [*read]):

        def column(name: str, batch: Batch = batch) -> Integers:
            return chosen.calendar.among(batch["hour"], batch["weekday"]) if name.startswith("{") else batch[name]

        chooses = [
            known(attribute.column, column(attribute.column), COMPARE[one.operator], value)
            for attribute, one, value in asked
        ]
        is_kept = np.logical_and.reduce(chooses)
        kept = slice(None) if np.all(is_kept) else np.flatnonzero(is_kept)
        cell_ids = batch["cell_id"][kept]
        pairs = batch["pairs"][kept] if "pairs" in batch else None
        numbers = [grouping.number(column(attribute.counted)[kept]) for attribute, grouping in groups]
        by_cell.add([*numbers, cell_ids], pairs)
        by_kind.add([3 * batch["blinded"][kept] + batch["validated"][kept], cell_ids], pairs)
    *found, cell_ids, pairs = by_cell.rows(len(groups) + 1)
    kinds, of_cells, of_kind = by_kind.rows(2)
    return Counted(tuple(found), cell_ids, pairs, Kinds(of_cells, kinds, of_kind))


class _Sum:
    """Sums pairs by the rows of some columns of whole numbers."""

    def __init__(self) -> None:
        self._parts: list[list[Integers]] = []

    def add(self, columns: Sequence[Integers], pairs: Integers | None) -> None:
        """Add rows: each is a pair, or as many as `pairs` says."""
        self._parts.append(summed(columns, pairs))

    def rows(self, columns: int) -> list[Integers]:
        """Return the distinct rows, and last their pairs."""
        if not self._parts:
            return [np.zeros(0, np.int64)] * (columns + 1)
        if len(self._parts) > 1:
            *parts, pairs = (np.concatenate(each) for each in zip(*self._parts, strict=True))
            self._parts = []
            self.add(parts, pairs)
        return self._parts[0]


def _from_totals(
    session: Session,
    slot: int,
    chosen: PairFilter,
    ids: dict[str, int],
    *,
    groups: Sequence[Group],
    apart: Attribute | None,
) -> Counted:
    """Count by one attribute: its totals, the changes not yet in them, and the pairs at the edges of a range.

    What each row of the totals says (simulated, blinded, validated) is asked of all three.
    """
    kind, parameters = conditions(chosen, ids, [attribute for attribute in ATTRIBUTES if attribute.in_totals])
    parameters["facet"] = apart.facet if apart is not None else EVERYTHING
    whole: Whole | None = None
    condition = "true"
    if asks(chosen, TIME):
        whole = months(chosen.recorded_from, chosen.recorded_to)
    elif asks(chosen, AGE):
        whole = years_of_age(chosen.age_min, chosen.age_max)
    if whole is not None:
        condition = "{0} BETWEEN :first AND :last"
        parameters |= {"first": whole.first, "last": whole.last}
    elif apart is not None:
        condition = " AND ".join(_asked_of("{0}", chosen, apart)) or "true"
        parameters |= _values(chosen, ids, [apart])

    def part(source: str, column: str, pairs: str, where: str) -> str:
        numbers = [
            f"{column if attribute is apart else attribute.counted} AS g{number}"
            for number, (attribute, _) in enumerate(groups)
        ]
        selected = ", ".join([*numbers, "cell_id", "3 * blinded + validated AS kind", f"{pairs} AS pairs"])
        return f"SELECT {selected} FROM {source}_{slot:d} WHERE {' AND '.join([*kind, where])}"  # noqa: S608

    column = FACETS[parameters["facet"]]
    parts = [
        part("pair_totals", "value", "pairs", f"facet = :facet AND {condition.format('value')}"),
        part("pair_deltas", column, "pairs", condition.format(column)),
    ]
    for number, edge in enumerate(whole.edges if whole is not None else ()):
        assert apart is not None
        limits = []
        if edge.start is not None:
            limits.append(f"{apart.column} >= :start{number}")
            parameters[f"start{number}"] = edge.start
        if edge.end is not None:
            limits.append(f"{apart.column} {'<=' if edge.closed else '<'} :end{number}")
            parameters[f"end{number}"] = edge.end
        parts.append(part("pairs", column, "1", " AND ".join(limits)))
    named = [*(f"g{number}" for number in range(len(groups))), "cell_id", "kind", "pairs"]
    packed = ", ".join(f"array_send(array_agg({name}))" for name in named)
    session.execute(text(_GENEROUS))
    row = session.execute(
        text(f"SELECT {packed} FROM ({' UNION ALL '.join(parts)}) counted"),  # noqa: S608
        parameters,
    ).one()
    *found, cell_ids, kinds, pairs = (_unpacked(each) for each in row)
    numbers = tuple(grouping.number(values) for (_, grouping), values in zip(groups, found, strict=True))
    return Counted(numbers, cell_ids, pairs, Kinds(cell_ids, kinds, pairs))


def _unpacked(column: bytes | None) -> Integers:
    """Read what `array_send` writes of integers without nulls: 20 bytes of header, then length and value of each."""
    if column is None:
        return np.zeros(0, np.int64)
    size = int.from_bytes(column[20:24], "big")
    element = np.dtype([("length", ">i4"), ("value", f">i{size}")])
    return np.frombuffer(column, element, offset=20)["value"].astype(np.int64)
