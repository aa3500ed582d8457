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

UNKNOWN = datetime.min.replace(tzinfo=UTC)
"""The time in `changes` of an ECG whose time of recording is not known: it sorts last."""


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
) -> list[Change]:
    """List the chosen pairs with one of these outcomes, newest recording first, from after `position` on."""
    ids = value_ids(session, names(chosen))
    where, parameters = conditions(chosen, ids, [attribute for attribute in ATTRIBUTES if attribute.in_changes])
    others, more = conditions(chosen, ids, [attribute for attribute in ATTRIBUTES if not attribute.in_changes])
    parameters |= more
    if others:  # the pair is looked up; `LIMIT` keeps it a look into the index
        pair = f"SELECT FROM pairs_{slot:d} p WHERE p.ecg_id = c.ecg_id AND {' AND '.join(others)} LIMIT 1"
        where.append(f"EXISTS ({pair})")
    if chosen.recorded_to is not None:
        where.append("recorded_at > :unknown")
        parameters["unknown"] = UNKNOWN
    if position is not None:
        where.append("(recorded_at, ecg_id) < (:at, :id)")
        parameters |= {"at": position.at, "id": position.id}
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
