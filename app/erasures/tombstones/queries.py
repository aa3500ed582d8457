"""SQL of tombstones."""

import uuid
from collections.abc import Collection, Sequence

from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

from app.erasures.tables import ObjectToDelete, Tombstone


def any_stands(session: Session) -> bool:
    """Return whether there is a tombstone."""
    return session.scalar(select(Tombstone.hash).limit(1)) is not None


def standing(session: Session, hashes: Sequence[bytes]) -> Sequence[bytes]:
    """Return those of some hashes that are tombstones; a batch has thousands, given as one array."""
    if not hashes:
        return []
    among = "SELECT h FROM unnest(CAST(:hashes AS bytea[])) h WHERE EXISTS (SELECT FROM tombstones WHERE hash = h)"
    return session.scalars(text(among), {"hashes": list(hashes)}).all()


def add(session: Session, erasure_id: uuid.UUID, hashes: Collection[bytes]) -> None:
    """Add the tombstones of an erasure."""
    if hashes:
        session.execute(insert(Tombstone), [{"hash": each, "erasure_id": erasure_id} for each in sorted(set(hashes))])


def refuse_objects(session: Session, keys: Collection[str]) -> None:
    """Have objects deleted that were stored before it was known that their ECGs were erased."""
    if keys:
        session.execute(insert(ObjectToDelete), [{"key": key, "erasure_id": None} for key in sorted(keys)])
