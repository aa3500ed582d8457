"""SQL that counts changes of pairs into totals and columns, and that returns pairs with their reports."""

import uuid
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.disagreement.columns import queries as columns
from app.disagreement.counting.queries import FACETS
from app.disagreement.pairs.queries import allow_memory
from app.disagreement.tables import OF_A_SLOT
from app.kit.database import Database
from app.reports.queries import agreed_text, counting

_FOLD = 0x666F6C64
_TOTAL = "simulated, facet, value, cell_id, blinded, validated"
FOLD_FROM = 2_000
"""Changes worth a fold: reading so many takes a millisecond or two."""
MANY = 8 * columns.BLOCK
"""Changes that are sorted for a fold: their blocks would take some hundred megabytes at once."""


def fold(session: Session, slot: int) -> int:
    """Add a slot's changes to its totals and columns; return how many there were.

    A reader sees the state before or after. Columns that are stale are written anew from the pairs of that state.
    """
    session.execute(select(func.pg_advisory_xact_lock(_FOLD, slot)))
    allow_memory(session, "64MB")
    anew = columns.are_stale(session, slot)
    if anew or _waiting(session, slot, MANY) == MANY:  # blocks are made one after the other, not all at once in memory
        session.execute(text("SET LOCAL enable_hashagg = off"))
    went = f", old AS (DELETE FROM pair_columns_{slot:d})" if anew else ""  # noqa: S608
    kept = columns.written(slot, f"pairs_{slot:d}", "1") if anew else columns.written(slot, "gone")
    facets = ", ".join(f"({number}, {column})" for number, column in FACETS.items())
    folded = session.execute(
        text(
            f"""
            WITH gone AS (DELETE FROM pair_deltas_{slot:d} RETURNING *), counted AS (
                INSERT INTO pair_totals_{slot:d} AS totals ({_TOTAL}, slot, pairs)
                SELECT {_TOTAL}, :slot, sum(pairs) FROM gone, LATERAL (VALUES {facets}) facets (facet, value)
                GROUP BY {_TOTAL} HAVING sum(pairs) <> 0 ORDER BY {_TOTAL}
                ON CONFLICT ({_TOTAL}, slot) DO UPDATE SET pairs = totals.pairs + excluded.pairs
            ), kept AS ({kept}){went}
            SELECT count(*) FROM gone
            """  # noqa: S608
        ),
        {"slot": slot},
    )
    return int(folded.scalar_one())


def fold_when_worth_it(session: Session) -> None:
    """Fold the slots with many uncounted changes or stale columns; a worker calls this from time to time."""
    for slot in (0, 1):
        if _waiting(session, slot, FOLD_FROM) == FOLD_FROM or columns.are_stale(session, slot):
            fold(session, slot)


def _waiting(session: Session, slot: int, most: int) -> int:
    """Return how many changes of a slot wait to be folded, `most` where there are more."""
    waiting = f"SELECT count(*) FROM (SELECT FROM pair_deltas_{slot:d} LIMIT {most:d}) waiting"  # noqa: S608
    return int(session.execute(text(waiting)).scalar_one())


def vacuum(database: Database, slot: int) -> None:
    """After many changes: count them, and vacuum and analyze the tables, so that index-only scans stay fast."""
    with database.begin() as session:
        fold(session, slot)
    tables = ", ".join(f"{name}_{slot:d}" for name in OF_A_SLOT)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"VACUUM (ANALYZE) {tables}"))
        connection.execute(text("ANALYZE ecgs, reports, texts, labelings, statements, cells, attribute_values"))


class SampledPair(NamedTuple):
    """An ECG's two reports that count: report and text of each."""

    ecg_id: uuid.UUID
    machine_report: uuid.UUID
    machine_text: int
    overread_report: uuid.UUID
    overread_text: int
    agreed_text: int  # the machine's, when the over-read was written


def sample_pairs(session: Session, slot: int, size: int, *, simulated: bool) -> list[SampledPair]:
    """Return real or simulated pairs chosen at random, or all where there are at most `size`."""
    chosen = session.execute(
        text("SELECT ecg_id FROM pairs WHERE slot = :slot AND simulated = :simulated ORDER BY random() LIMIT :size"),
        {"slot": slot, "size": size, "simulated": simulated},
    )
    return pairs_of(session, list(chosen.scalars()))


def pairs_of(session: Session, ecg_ids: Sequence[uuid.UUID]) -> list[SampledPair]:
    """Return the reports that count of these ECGs, under any vocabulary."""
    each = (
        "SELECT counting.* FROM unnest(CAST(:ids AS uuid[])) asked (id), "  # noqa: S608
        f"LATERAL ({counting('ecg_id = asked.id')}) counting"  # a lookup for each: never all reports
    )
    return _read_pairs(session, each, {"ids": list(ecg_ids)})


def pairs_between(session: Session, first: uuid.UUID, last: uuid.UUID, *, simulated: bool) -> list[SampledPair]:
    """Return the reports that count of the real or simulated ECGs from `first` to `last` (inclusive)."""
    chosen = "ecg_id IN (SELECT id FROM ecgs WHERE id BETWEEN :first AND :last AND simulated = :simulated)"
    return _read_pairs(session, counting(chosen), {"first": first, "last": last, "simulated": simulated})


def _read_pairs(session: Session, readings: str, parameters: dict[str, Any]) -> list[SampledPair]:
    """Return the pairs of some ECGs; `readings` is SQL of their reports that count (`counting`)."""
    columns = ", ".join(
        f"(array_agg({name}) FILTER (WHERE source = '{source}'))[1] AS {source}_{name}"
        for source in ("machine", "overread")
        for name in ("id", "text_id")
    )
    rows = session.execute(
        text(
            f"""
            SELECT ecg_id, machine_id, machine_text_id, overread_id, overread_text_id, {agreed_text("overread")}
            FROM (
                SELECT ecg_id, {columns}, max(created_at) FILTER (WHERE source = 'overread') AS created_at
                FROM ({readings}) counting GROUP BY ecg_id HAVING count(*) = 2
            ) overread ORDER BY ecg_id
            """  # noqa: S608
        ),
        parameters,
    )
    return [SampledPair(*row) for row in rows]
