"""SQL of snapshots."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from app.disagreement.tables import Snapshot
from app.kit.pagination import Position, after


def by_id(session: Session, snapshot_id: uuid.UUID) -> Snapshot | None:
    """Find a snapshot."""
    return session.get(Snapshot, snapshot_id)


def newest(
    session: Session, position: Position | None, limit: int
) -> Sequence[Row[uuid.UUID, str | None, str, datetime, str, dict[str, Any]]]:
    """List snapshots without their answers, newest first, one more than `limit`."""
    statement = select(
        Snapshot.id, Snapshot.name, Snapshot.created_by, Snapshot.created_at, Snapshot.vocabulary, Snapshot.query
    )
    return session.execute(after(statement, Snapshot.created_at, Snapshot.id, position, limit=limit)).all()
