"""SQL of `pair_columns`: blocks of changes of pairs, a value of bytes a column.

A question reads the few columns it is about, of all pairs, and counts in NumPy: a tenth of the time that PostgreSQL
takes for the rows. What comes and goes is appended by the fold, and now and then all of it is written anew.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.disagreement.columns.layout import COLUMNS, Batch, ones, read, sent, width_of

BLOCK = 65_536
"""Rows of a block."""
BATCH = 8 * BLOCK
"""Rows that are counted at once: a few tens of megabytes for a moment, however many pairs there are."""
_WASTE = 1.5
"""Times the pairs: so many rows are kept until all is written anew."""


def written(slot: int, source: str, change: str = "pairs") -> str:
    """Return the statement that writes the rows of `source` into blocks; `change` is 1 of those that came."""
    names = ", ".join(COLUMNS)
    columns = ", ".join(sent(name) for name in COLUMNS)
    rows = ", ".join(name for name in COLUMNS if name != "pairs")
    return (
        f"INSERT INTO pair_columns_{slot:d} (slot, size, net, {names}) "  # noqa: S608
        f"SELECT {slot:d}, count(*), sum(pairs), {columns} FROM ("
        f"SELECT {rows}, {change}::smallint AS pairs, (row_number() OVER () - 1) / {BLOCK:d} AS block FROM {source}"
        ") numbered GROUP BY block"
    )


def are_stale(session: Session, slot: int) -> bool:
    """Return whether a slot's columns are to be written anew.

    They are where they hold much that went; and within a day of anything that went, so that nothing of an ECG that was
    erased stays in them.
    """
    row = session.execute(
        text(
            f"SELECT coalesce(sum(size), 0) > {_WASTE} * coalesce(sum(net), 0) + {BLOCK:d}, "  # noqa: S608
            f"coalesce(min(made_at) < now() - interval '1 day', true) AND (bool_or(net < size) OR EXISTS ("
            f"SELECT FROM pair_deltas_{slot:d} WHERE pairs < 0)) FROM pair_columns_{slot:d}"
        )
    ).one()
    return any(row)


def batches(session: Session, slot: int, names: Sequence[str]) -> Iterator[Batch]:
    """Yield these columns of all changes of a slot's pairs, in one state of the database."""
    kept = ", ".join(names)
    waiting = ", ".join(sent(name) for name in names)
    query = (
        f"SELECT CASE WHEN net < size THEN pairs END, {kept} FROM pair_columns_{slot:d} "  # noqa: S608
        f"UNION ALL SELECT {sent('pairs')}, {waiting} FROM pair_deltas_{slot:d}"
    )
    cursor: Any = session.connection().connection.cursor(binary=True)
    pieces: list[list[bytes | None]] = []
    rows = 0
    with cursor:
        for piece in cursor.stream(query):
            if piece[1] is None:  # nothing waits
                continue
            pieces.append([*piece])
            rows += len(piece[1]) // width_of(names[0])
            if rows >= BATCH:
                yield _joined(names, pieces)
                pieces, rows = [], 0
    if pieces:
        yield _joined(names, pieces)


def _joined(names: Sequence[str], pieces: Sequence[list[bytes | None]]) -> Batch:
    """Return pieces as one; without `pairs` where each of them is 1."""
    if any(pairs is not None for pairs, *_ in pieces):
        names = ["pairs", *names]
        for piece in pieces:
            if piece[0] is None:
                piece[0] = ones(len(piece[1] or b"") // width_of(names[1]))
    else:
        pieces = [piece[1:] for piece in pieces]
    columns = zip(*pieces, strict=True)
    return {name: read(name, b"".join(filter(None, column))) for name, column in zip(names, columns, strict=True)}
