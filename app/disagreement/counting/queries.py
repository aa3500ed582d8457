"""SQL that counts pairs by cell.

Pairs that are simulated, blinded or validated have totals of their own. A question about one further attribute that has
totals, or about none, is answered from `pair_totals` (a few thousand rows, however many pairs there are), from what
`pair_deltas` holds, and, where a range of time or age cuts a month or a year, from the pairs at its edges: all in one
statement, so in one state of the database. Any other question reads the chosen pairs.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.disagreement.attributes import AGE, ATTRIBUTES, FILTERS, GROUPINGS, NAMED, TIME, Attribute
from app.disagreement.counting.selection import GroupBy, PairFilter, Whole, asks, given, months, names, years_of_age
from app.disagreement.tables import AttributeValue, Cell

Integers = NDArray[np.int64]

EVERYTHING = 0
FACETS = {EVERYTHING: "0"} | {
    attribute.facet: attribute.counted for attribute in ATTRIBUTES if attribute.facet is not None
}
"""What `pair_totals` counts by: columns by their numbers there; 0 is no column, it counts every pair."""

_KIND = "3 * blinded + validated AS kind"
_GENEROUS = (
    "SELECT set_config('work_mem', '64MB', true), set_config('parallel_setup_cost', '100', true), "
    "set_config('parallel_tuple_cost', '0.01', true)"
)
"""For one transaction: memory for groups by cell, and parallel workers priced for rows of a few integers."""


@dataclass(frozen=True)
class Counted:
    """How many pairs there are of each group, cell and kind of over-read: arrays of one length.

    `groups` has one array a grouping; `kinds` is 3 · blinded + validated, as places in `KNOWN`. The same may stand in
    several rows, of which the sum counts.
    """

    groups: tuple[Integers, ...]
    cell_ids: Integers
    pairs: Integers
    kinds: Integers


def count_by_cell(session: Session, slot: int, chosen: PairFilter, group_by: Sequence[GroupBy] = ()) -> Counted:
    """Count the chosen pairs of a slot by cell, and by up to two groupings; `GROUPINGS` say what their numbers are."""
    ids = value_ids(session, names(chosen))
    session.execute(text(_GENEROUS))
    asked = [FILTERS[name][0] for name in given(chosen)] + [GROUPINGS[name][0] for name in group_by]
    apart = {attribute for attribute in asked if not attribute.in_totals}
    if len(apart) <= 1 and all(attribute.facet is not None for attribute in apart):
        query, parameters = _from_totals(slot, chosen, ids, group_by=group_by, apart=next(iter(apart), None))
    else:
        query, parameters = _from_pairs(slot, chosen, ids, group_by)
    columns = [*(f"g{number}" for number in range(len(group_by))), "cell_id", "pairs", "kind"]
    packed = ", ".join(f"array_send(array_agg({column}))" for column in columns)
    row = session.execute(text(f"SELECT {packed} FROM ({query}) counted"), parameters).one()  # noqa: S608
    *groups, cell_ids, pairs, kinds = (_unpacked(column) for column in row)
    return Counted(tuple(groups), cell_ids, pairs, kinds)


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


def _groups(
    group_by: Sequence[GroupBy], chosen: PairFilter, apart: Attribute | None = None, column: str = ""
) -> list[str]:
    """Return the SQL of groups; the attribute `apart` is in another column than that of `pairs`."""
    groups = []
    for number, name in enumerate(group_by):
        attribute, grouping = GROUPINGS[name]
        made_of = column if attribute is apart else _column(attribute.counted, chosen)
        groups.append(f"{grouping.sql.format(made_of)} AS g{number}")
    return groups


def _from_pairs(
    slot: int, chosen: PairFilter, ids: dict[str, int], group_by: Sequence[GroupBy]
) -> tuple[str, dict[str, Any]]:
    where, parameters = conditions(chosen, ids)
    groups = _groups(group_by, chosen)
    keys = ", ".join(str(number + 1) for number in range(len(groups) + 2))
    query = (
        f"SELECT {', '.join([*groups, 'cell_id', _KIND])}, count(*) AS pairs FROM pairs_{slot:d} "  # noqa: S608
        f"WHERE {' AND '.join(where) or 'true'} GROUP BY {keys}"
    )
    return query, parameters


def _from_totals(
    slot: int, chosen: PairFilter, ids: dict[str, int], *, group_by: Sequence[GroupBy], apart: Attribute | None
) -> tuple[str, dict[str, Any]]:
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
        groups = _groups(group_by, chosen, apart, column)
        columns = ", ".join([*groups, "cell_id", _KIND])
        return f"SELECT {columns}, {pairs} AS pairs FROM {source}_{slot:d} WHERE {' AND '.join([*kind, where])}"  # noqa: S608

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
    return " UNION ALL ".join(parts), parameters


def _unpacked(column: bytes | None) -> Integers:
    """Read what `array_send` writes of integers without nulls: 20 bytes of header, then length and value of each."""
    if column is None:
        return np.zeros(0, np.int64)
    size = int.from_bytes(column[20:24], "big")
    element = np.dtype([("length", ">i4"), ("value", f">i{size}")])
    return np.frombuffer(column, element, offset=20)["value"].astype(np.int64)
