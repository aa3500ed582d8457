"""SQL that counts pairs by cell.

Real and simulated pairs have totals of their own. A question about one attribute or none is answered from `pair_totals`
(a few thousand rows, however many pairs there are), from what `pair_deltas` holds, and, where a range of time or age
cuts a month or a year, from the pairs at its edges: all in one statement, so in one state of the database. A question
about several attributes reads the chosen pairs.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.disagreement.counting.selection import NAMED, SEXES, GroupBy, PairFilter, Whole, months, years_of_age
from app.disagreement.tables import AttributeValue, Cell

Integers = NDArray[np.int64]

EVERYTHING = "0"
FACETS = {
    column: number
    for number, column in enumerate(
        (
            EVERYTHING,
            *("site_id", "device_id", "device_software_id", "reader_id", "sex", "age_years", "month"),
            *("blinded", "validated"),
        )
    )
}
"""Columns that `pair_totals` counts by, and their numbers there; the first is no column: it counts every pair."""

_GENEROUS = (
    "SELECT set_config('work_mem', '64MB', true), set_config('parallel_setup_cost', '100', true), "
    "set_config('parallel_tuple_cost', '0.01', true)"
)
"""For one transaction: memory for groups by cell, and parallel workers priced for rows of a few integers."""

_COLUMN: dict[GroupBy, str] = {
    **{attribute: f"{attribute}_id" for attribute in NAMED},  # type: ignore[misc]
    "sex": "sex",
    "age": "age_years",
    "month": "month",
    "year": "month",
}
_EXPRESSION: dict[GroupBy, str] = {
    "age": "CASE WHEN {0} < 0 THEN -1 ELSE {0} / 10 * 10 END",
    "year": "CASE WHEN {0} < 0 THEN -1 ELSE {0} / 12 END",
}


@dataclass(frozen=True)
class Counted:
    """How many pairs there are of each group and cell: arrays of one length, `groups` one array a grouping.

    A group and cell may stand in several rows, of which the sum counts.
    """

    groups: tuple[Integers, ...]
    cell_ids: Integers
    pairs: Integers


def count_by_cell(session: Session, slot: int, chosen: PairFilter, group_by: Sequence[GroupBy] = ()) -> Counted:
    """Count the chosen pairs of a slot by cell, and by up to two groupings.

    A group is an attribute's id, a sex's code, a decade of age, a month or a year; unknown is 0 for the first two and
    -1 for the others.
    """
    ids = value_ids(session, chosen.names)
    session.execute(text(_GENEROUS))
    columns = {_COLUMN[grouping] for grouping in group_by} | _filtered(chosen)
    source = _from_totals(slot, chosen, ids, group_by=group_by, columns=columns) if len(columns) <= 1 else None
    query, parameters = source or _from_pairs(slot, chosen, ids, group_by)
    names = [f"g{number}" for number in range(len(group_by))]
    packed = ", ".join(f"array_send(array_agg({name}))" for name in (*names, "cell_id", "pairs"))
    row = session.execute(text(f"SELECT {packed} FROM ({query}) counted"), parameters).one()  # noqa: S608
    *groups, cell_ids, pairs = (_unpacked(column) for column in row)
    return Counted(tuple(groups), cell_ids, pairs)


def count_pairs(session: Session, slot: int, *, simulated: bool | None = None) -> int:
    """Count the pairs of a slot that are compared: all, or the real or the simulated ones."""
    counted = count_by_cell(session, slot, PairFilter(simulated=simulated))
    found = cells(session, np.unique(counted.cell_ids).tolist())
    compared = np.isin(counted.cell_ids, found[found[:, -1] == 0, 0])
    return int(counted.pairs[compared].sum())


def value_ids(session: Session, names: dict[str, str]) -> dict[str, int]:
    """Return the ids of names by attribute; -1 for a name that no pair has."""
    if not names:
        return {}
    rows = session.execute(
        select(AttributeValue.attribute, AttributeValue.value, AttributeValue.id).where(
            AttributeValue.attribute.in_(names), AttributeValue.value.in_(names.values())
        )
    )
    found = {(attribute, value): id_ for attribute, value, id_ in rows}
    return {attribute: found.get((attribute, name), -1) for attribute, name in names.items()}


def names_of(session: Session, ids: Collection[int]) -> dict[int, str]:
    """Return the names of attributes' values by id."""
    rows = session.execute(select(AttributeValue.id, AttributeValue.value).where(AttributeValue.id.in_(ids)))
    return dict(rows.all())


def cells(session: Session, cell_ids: Collection[int]) -> NDArray[np.int64]:
    """Return cells as an array (cell, 6): id, machine present, uncertain, over-read present, uncertain, left out."""
    rows = session.execute(
        select(
            *(Cell.id, Cell.machine_present, Cell.machine_uncertain),
            *(Cell.overread_present, Cell.overread_uncertain, Cell.left_out),
        ).where(Cell.id.in_(cell_ids))
    ).all()
    return np.array([tuple(row) for row in rows], np.int64).reshape(-1, 6)


def conditions(chosen: PairFilter, ids: dict[str, int]) -> tuple[list[str], dict[str, Any]]:
    """Return the conditions of a filter on `pairs` or `changes`, and their parameters."""
    wanted = {
        "recorded_at >= :recorded_from": chosen.recorded_from,
        "recorded_at < :recorded_to": chosen.recorded_to,
        **{f"{attribute}_id = :{attribute}": id_ for attribute, id_ in ids.items()},
        "sex = :sex": None if chosen.sex is None else SEXES.index(chosen.sex),
        "age >= :age_min": chosen.age_min,
        "age <= :age_max": chosen.age_max,
        "simulated = :simulated": chosen.simulated,
    }
    given = {condition: value for condition, value in wanted.items() if value is not None}
    return list(given), {condition.rpartition(":")[2]: value for condition, value in given.items()}


def _filtered(chosen: PairFilter) -> set[str]:
    columns = {f"{attribute}_id" for attribute in chosen.names}
    if chosen.sex is not None:
        columns.add("sex")
    if chosen.says_age:
        columns.add("age_years")
    if chosen.says_when:
        columns.add("month")
    return columns


def _group(grouping: GroupBy, column: str) -> str:
    return _EXPRESSION.get(grouping, "{0}").format(column)


def _from_pairs(
    slot: int, chosen: PairFilter, ids: dict[str, int], group_by: Sequence[GroupBy]
) -> tuple[str, dict[str, Any]]:
    where, parameters = conditions(chosen, ids)
    groups = [f"{_group(grouping, _COLUMN[grouping])} AS g{n}" for n, grouping in enumerate(group_by)]
    keys = ", ".join(str(number + 1) for number in range(len(groups) + 1))
    query = (
        f"SELECT {', '.join([*groups, 'cell_id'])}, count(*) AS pairs FROM pairs_{slot:d} "  # noqa: S608
        f"WHERE {' AND '.join(where) or 'true'} GROUP BY {keys}"
    )
    return query, parameters


def _from_totals(
    slot: int, chosen: PairFilter, ids: dict[str, int], *, group_by: Sequence[GroupBy], columns: set[str]
) -> tuple[str, dict[str, Any]]:
    """Count by one attribute: its totals, the changes not yet in them, and the pairs at the edges of a range."""
    column = next(iter(columns), EVERYTHING)
    whole: Whole | None = None
    parameters: dict[str, Any] = {"facet": FACETS[column]}
    if chosen.says_when:
        whole = months(chosen.recorded_from, chosen.recorded_to)
    elif chosen.says_age:
        whole = years_of_age(chosen.age_min, chosen.age_max)
    kind = "true"
    if chosen.simulated is not None:
        kind = "simulated = :simulated"
        parameters["simulated"] = chosen.simulated
    condition = "true"
    if whole is not None:
        condition = "{0} BETWEEN :first AND :last"
        parameters |= {"first": whole.first, "last": whole.last}
    elif columns & _filtered(chosen):
        condition = "{0} = :value"
        parameters["value"] = SEXES.index(chosen.sex) if chosen.sex is not None else next(iter(ids.values()))

    def part(source: str, name: str, pairs: str, where: str) -> str:
        groups = [f"{_group(grouping, name)} AS g{number}" for number, grouping in enumerate(group_by)]
        columns = ", ".join([*groups, "cell_id"])
        return f"SELECT {columns}, {pairs} AS pairs FROM {source}_{slot:d} WHERE {kind} AND {where}"  # noqa: S608

    parts = [
        part("pair_totals", "value", "pairs", f"facet = :facet AND {condition.format('value')}"),
        part("pair_deltas", column, "pairs", condition.format(column)),
    ]
    measure = "recorded_at" if column == "month" else "age"
    for number, edge in enumerate(whole.edges if whole is not None else ()):
        limits = []
        if edge.start is not None:
            limits.append(f"{measure} >= :start{number}")
            parameters[f"start{number}"] = edge.start
        if edge.end is not None:
            limits.append(f"{measure} {'<=' if edge.closed else '<'} :end{number}")
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
