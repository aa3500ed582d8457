"""SQL that finds the ECGs behind a number.

An index of `changes` holds the rows of each outcome in the order of the list. A page merges the first rows of a few
outcomes, so it costs the same wherever it begins and however many pairs there are.
"""

import uuid
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.disagreement.attributes import ATTRIBUTES
from app.disagreement.counting.queries import conditions, value_ids
from app.disagreement.counting.selection import PairFilter, names
from app.disagreement.outcomes import COUNTED
from app.ecgs.tables import Ecg
from app.kit.pagination import Position

LAST_ID = uuid.UUID(int=2**128 - 1)
UNKNOWN = datetime.min.replace(tzinfo=UTC)
"""The time in `changes` of an ECG whose time of recording is not known: it sorts last."""


LOOKED_THROUGH = (1_000, 20_000)
"""Pairs in which a page of pairs that may agree looks for its label: first so many, then so many more."""


class Change(NamedTuple):
    """A pair that has an outcome."""

    at: datetime
    ecg_id: uuid.UUID
    reader_id: int


def changes(
    session: Session,
    slot: int,
    chosen: PairFilter,
    outcomes: Sequence[int],
    *,
    position: Position | None = None,
    limit: int,
    instead: "Instead | None" = None,
) -> list[Change]:
    """List the chosen pairs with one of these outcomes, newest recording first, from after `position` on."""
    ids = value_ids(session, names(chosen))
    where, parameters = conditions(chosen, ids, [attribute for attribute in ATTRIBUTES if attribute.in_changes])
    others, more = conditions(chosen, ids, [attribute for attribute in ATTRIBUTES if not attribute.in_changes])
    parameters |= more
    if others:  # the pair is looked up; `OFFSET` keeps it a look into the index: PostgreSQL makes no join of it
        pair = f"SELECT FROM pairs_{slot:d} p WHERE p.ecg_id = c.ecg_id AND {' AND '.join(others)} OFFSET 0"
        where.append(f"EXISTS ({pair})")
    if chosen.recorded_to is not None:
        where.append("recorded_at > :unknown")
        parameters["unknown"] = UNKNOWN
    if position is not None:
        where.append("(recorded_at, ecg_id) < (:at, :id)")
        parameters |= {"at": position.at, "id": position.id}
    if instead is not None:
        other = (
            f"SELECT FROM pairs_{slot:d} p JOIN cell_outcomes o USING (cell_id) "
            "WHERE p.ecg_id = c.ecg_id AND o.outcome = ANY(:others) OFFSET 0"  # a look into the index, as above
        )
        where.append(f"{'EXISTS' if instead.is_there else 'NOT EXISTS'} ({other})")
        parameters["others"] = list(instead.outcomes)
    if not outcomes:
        return []
    streams = [
        f"(SELECT recorded_at, ecg_id, reader_id FROM changes_{slot:d} c "  # noqa: S608
        f"WHERE {' AND '.join([f'outcome = {outcome:d}', *where])} ORDER BY recorded_at DESC, ecg_id DESC LIMIT :limit)"
        for outcome in outcomes
    ]
    rows = session.execute(
        text(
            f"SELECT * FROM ({' UNION ALL '.join(streams)}) streams "  # noqa: S608
            "ORDER BY recorded_at DESC, ecg_id DESC LIMIT :limit"
        ),
        {**parameters, "limit": limit},
    )
    return [Change(*row) for row in rows]


class Instead(NamedTuple):
    """Outcomes that a pair has to have besides, or must not have."""

    outcomes: Sequence[int]
    is_there: bool


class Looked(NamedTuple):
    """Pairs that were found, and after which pair to look on; None: all were looked through."""

    found: list[Change]
    onward: Position | None


def called(
    session: Session, slot: int, chosen: PairFilter, condition: str, *, position: Position | None, limit: int
) -> Looked:
    """List the chosen pairs whose cell fits a condition, newest recording first, from after `position` on.

    No index finds them: pairs are looked through in order, so many at most, and fewer than `limit` may be found.
    """
    ids = value_ids(session, names(chosen))
    where, parameters = conditions(chosen, ids)
    for name, value in names(chosen).items():
        if name in chosen.NAMES and _are_few(session, name, value):  # they are found by an index of ECGs
            where.append(f"ecg_id IN (SELECT id FROM ecgs WHERE {name} = :{name}_word)")  # noqa: S608
            parameters[f"{name}_word"] = value
    found: list[Change] = []
    for looked in LOOKED_THROUGH:
        at = position.at if position is not None else None
        undated = at is not None and at == UNKNOWN
        after = ["recorded_at IS NULL" if undated else "recorded_at IS NOT NULL"]
        if position is not None:
            after.append("ecg_id < :id" if undated else "(recorded_at, ecg_id) < (:at, :id)")
            parameters |= {"at": position.at, "id": position.id}
        order = "ecg_id DESC" if undated else "recorded_at DESC, ecg_id DESC"
        rows = session.execute(
            text(
                f"""
                WITH looked AS (
                    SELECT recorded_at, ecg_id, reader_id, cell_id FROM pairs_{slot:d}
                    WHERE {" AND ".join([*where, *after])} ORDER BY {order} LIMIT :looked
                )
                (SELECT recorded_at, ecg_id, reader_id, NULL AS looked FROM looked
                 WHERE cell_id IN (SELECT id FROM cells WHERE left_out = 0 AND {condition})
                 ORDER BY {order} LIMIT :limit)
                UNION ALL
                (SELECT recorded_at, ecg_id, NULL, (SELECT count(*) FROM looked)
                 FROM looked ORDER BY recorded_at, ecg_id LIMIT 1)
                """  # noqa: S608
            ),
            {**parameters, "looked": looked, "limit": limit - len(found)},
        ).all()
        number = rows[-1].looked if rows else 0
        found += [Change(row.recorded_at or UNKNOWN, row.ecg_id, row.reader_id) for row in rows if row.looked is None]
        if len(found) >= limit:
            return Looked(found, None)
        if number < looked:  # all of them
            if undated or chosen.recorded_from is not None or chosen.recorded_to is not None:
                return Looked(found, None)
            position = Position(UNKNOWN, LAST_ID)
        else:
            position = Position(rows[-1].recorded_at or UNKNOWN, rows[-1].ecg_id)
    return Looked(found, position)


def _are_few(session: Session, name: str, value: str) -> bool:
    """Return whether so few ECGs have a site, device, software or location that all of them are soon looked up."""
    few = f"SELECT count(*) <= :few FROM (SELECT FROM ecgs WHERE {name} = :value LIMIT :few + 1) found"  # noqa: S608
    return bool(session.execute(text(few), {"value": value, "few": LOOKED_THROUGH[0]}).scalar_one())


def counting_outcomes(session: Session, slot: int) -> list[int]:
    """List the outcomes that count differing labels and that some pair has; one step in the index finds each."""
    rows = session.execute(
        text(
            f"""
            WITH RECURSIVE present (outcome) AS (
                SELECT min(outcome) FROM changes_{slot:d} WHERE outcome >= {COUNTED:d}
                UNION ALL
                SELECT (SELECT min(c.outcome) FROM changes_{slot:d} c WHERE c.outcome > present.outcome)
                FROM present WHERE outcome IS NOT NULL
            )
            SELECT outcome FROM present WHERE outcome IS NOT NULL
            """  # noqa: S608
        )
    )
    return list(rows.scalars())


def ecgs(session: Session, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Ecg]:
    """Return ECGs by id."""
    return {ecg.id: ecg for ecg in session.scalars(select(Ecg).where(Ecg.id.in_(ids)))}


def cells_of(session: Session, slot: int, ecg_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Return the cell of each ECG's pair."""
    rows = session.execute(
        text(f"SELECT ecg_id, cell_id FROM pairs_{slot:d} WHERE ecg_id = ANY(:ids)"),  # noqa: S608
        {"ids": list(ecg_ids)},
    )
    return dict(rows.all())
