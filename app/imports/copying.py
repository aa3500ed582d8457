"""COPY of rows, and ids for them."""

import os
import secrets
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy.orm import Session

_ESCAPES = (
    ("\\", "\\\\"), ("\n", "\\n"), ("\t", "\\t"), ("\r", "\\r"), ("\x1d", "\\N"), ("\x1e", "\n"), ("\x1f", "\t"),
)  # fmt: skip


def ascending_ids(count: int) -> list[str]:
    """Return ascending random ids with a common beginning: a batch's rows stay close together in large indexes."""
    start = secrets.token_hex(2)
    rest = os.urandom(14 * count).hex()
    return sorted(start + rest[28 * i : 28 * (i + 1)] for i in range(count))


def copy_rows(session: Session, target: str, rows: Iterable[Sequence[Any]]) -> None:
    """Write rows to a table and its columns; None is NULL."""
    connection = session.connection().connection.driver_connection
    assert connection is not None
    # whole batches are escaped at once: no text or name that is let in holds these control characters
    cells = "\x1e".join(["\x1f".join(["\x1d" if value is None else str(value) for value in row]) for row in rows])
    for character, written in _ESCAPES:
        cells = cells.replace(character, written)
    with connection.cursor() as cursor, cursor.copy(f"COPY {target} FROM STDIN") as copy:
        copy.write(cells)
