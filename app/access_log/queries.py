"""SQL of the access log."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from app.access_log.tables import Access
from app.auth.tables import User

REFUSED = (401, 403)


class Entry(NamedTuple):
    """One row to be stored."""

    user_id: uuid.UUID | None
    operation: str
    status: int
    ecg_ids: list[uuid.UUID]
    ecgs: int
    address: str
    request_id: str
    unrecorded: int = 0


class Recorded(NamedTuple):
    """One stored row, with its user's name."""

    id: int
    at: datetime
    user: str | None
    operation: str
    status: int
    ecg_ids: list[uuid.UUID]
    ecgs: int
    address: str
    request_id: str
    unrecorded: int


class Wanted(NamedTuple):
    """Which rows are asked for; None: any."""

    user: str | None = None
    ecg_id: uuid.UUID | None = None
    begin: datetime | None = None
    end: datetime | None = None
    refused: bool | None = None


def add(session: Session, entry: Entry, *, only_reads: bool) -> None:
    """Add a row.

    Where the request only reads, its commit does not wait for the disk: the row outlives this process at once, a crash
    of the machine when it is half a second old.
    """
    session.connection().execute(_ADD_AFTER_READING if only_reads else _ADD, entry._asdict())


_ADD = insert(Access.__table__)  # type: ignore[arg-type]
# not a statement of its own: this one is executed with each answer
_ADD_AFTER_READING = _ADD.returning(func.set_config("synchronous_commit", "off", True))


def newest(
    session: Session, wanted: Wanted, user_id: uuid.UUID | None, *, before_id: int | None, limit: int
) -> Sequence[Recorded]:
    """List rows, newest first, one more than `limit`. `user_id` is the wanted user's."""
    columns = [User.name if name == "user" else getattr(Access, name) for name in Recorded._fields]
    statement = select(*columns).select_from(Access).outerjoin(User, User.id == Access.user_id)
    if user_id is not None:
        statement = statement.where(Access.user_id == user_id)
    if wanted.ecg_id is not None:
        statement = statement.where(Access.ecg_ids.contains([wanted.ecg_id]))
    if wanted.begin is not None:
        statement = statement.where(Access.at >= wanted.begin)
    if wanted.end is not None:
        statement = statement.where(Access.at < wanted.end)
    if wanted.refused is not None:
        is_refused = Access.status.in_(REFUSED)
        statement = statement.where(is_refused if wanted.refused else ~is_refused)
    if before_id is not None:
        statement = statement.where(Access.id < before_id)
    return [Recorded(*row) for row in session.execute(statement.order_by(Access.id.desc()).limit(limit + 1))]
