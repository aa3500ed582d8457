"""Rejections as they are shown, and as CSV."""

from collections.abc import Iterable, Iterator

from sqlalchemy.orm import Session

from app.imports.rejections import queries
from app.imports.rejections.schemas import RejectionOut, RejectionReason
from app.imports.tables import Rejection
from app.kit.pagination import Position
from app.kit.times import written
from ml.documents.csv_text import csv_text

COLUMNS = ("id", "kind", "place", "sha256", "codes", "reasons", "first_seen", "last_seen", "times")
PAGE = 1_000


def outside(row: Rejection) -> RejectionOut:
    """Show a rejection."""
    return RejectionOut(
        id=row.id,
        kind=row.kind,
        place=row.place,
        sha256=row.sha256.hex() if row.sha256 is not None else None,
        reasons=[RejectionReason(**reason) for reason in row.reasons],
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        times=row.times,
    )


def position_of(row: Rejection) -> Position:
    """Return where a rejection stands in the list."""
    return Position(row.first_seen, row.id)


def every(session: Session, kind: str | None, code: str | None) -> Iterator[RejectionOut]:
    """Yield all rejections, the newest first."""
    position: Position | None = None
    while True:
        rows = queries.newest(session, kind, code, position=position, limit=PAGE)
        yield from map(outside, rows[:PAGE])
        if len(rows) <= PAGE:
            return
        position = position_of(rows[PAGE - 1])


def as_csv(rejections: Iterable[RejectionOut]) -> str:
    """Return rejections as CSV, a row each."""
    return csv_text(COLUMNS, map(_row, rejections))


def _row(rejection: RejectionOut) -> list[object]:
    return [
        str(rejection.id),
        rejection.kind,
        rejection.place,
        rejection.sha256,
        " ".join(reason.code for reason in rejection.reasons),
        "; ".join(reason.detail for reason in rejection.reasons),
        written(rejection.first_seen),
        written(rejection.last_seen),
        rejection.times,
    ]
