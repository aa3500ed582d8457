"""SQL of what imports refused."""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.imports.places import Folder
from app.imports.tables import Rejection
from app.kit.database import Json
from app.kit.pagination import Position, after

_ROWS = 1_000  # a statement


class Refused(NamedTuple):
    """A file or row that was refused. `reasons` have `code` and `detail`."""

    place_hash: bytes
    place: str
    sha256: bytes | None
    reasons: list[Json]


def now(session: Session) -> datetime:
    """Return the database's time, at which the transaction began."""
    found: datetime = session.scalars(select(func.now())).one()
    return found


def add(session: Session, folder: Folder, refused: Sequence[Refused]) -> None:
    """Store what was refused; what was refused before is seen once more, with the reasons of today."""
    rows = {each.place_hash: each for each in refused}
    ordered = [rows[place] for place in sorted(rows)]  # two writers of the same rows then do not deadlock
    for start in range(0, len(ordered), _ROWS):
        values = [
            {"id": uuid.uuid4(), "kind": folder.kind, "folder": folder.digest, **each._asdict()}
            for each in ordered[start : start + _ROWS]
        ]
        statement = insert(Rejection).values(values)
        session.execute(
            statement.on_conflict_do_update(
                index_elements=["folder", "place_hash"],
                set_={
                    **{name: statement.excluded[name] for name in ("place", "sha256", "reasons")},
                    "last_seen": func.now(),
                    "times": Rejection.times + 1,
                },
            )
        )


def see_again(session: Session, folder: Folder, places: Collection[bytes]) -> list[list[Json]]:
    """Mark what is refused still, because it has not changed; return the reasons of each."""
    touched = session.scalars(
        update(Rejection)
        .where(Rejection.folder == folder.digest, Rejection.place_hash.in_(places))
        .values(last_seen=func.now(), times=Rejection.times + 1)
        .returning(Rejection.reasons)
    )
    return list(touched)


def count(session: Session, folder: Folder) -> int:
    """Return how much of a folder is refused."""
    return session.scalars(select(func.count()).where(Rejection.folder == folder.digest)).one()


def drop_passed(session: Session, folder: Folder, before: datetime) -> int:
    """Forget what was refused before and was not seen since; return how much that is."""
    dropped = session.execute(delete(Rejection).where(Rejection.folder == folder.digest, Rejection.last_seen < before))
    return dropped.rowcount  # type: ignore[attr-defined, no-any-return]


def newest(
    session: Session, kind: str | None, code: str | None, *, position: Position | None, limit: int
) -> Sequence[Rejection]:
    """Return rejections, the newest first, and one more than `limit` where there are more."""
    statement = select(Rejection)
    if kind is not None:
        statement = statement.where(Rejection.kind == kind)
    if code is not None:
        statement = statement.where(Rejection.reasons.contains([{"code": code}]))
    return session.scalars(after(statement, Rejection.first_seen, Rejection.id, position, limit=limit)).all()
