"""SQL of gold ECGs."""

import uuid
from collections.abc import Sequence

from sqlalchemy import Row, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.kit.pagination import Position, after
from app.reports.tables import StoredText
from app.reviews.tables import ReviewGold


def newest(session: Session, position: Position | None, limit: int) -> Sequence[Row[ReviewGold, str | None]]:
    """Return gold ECGs, newest first, one more than `limit`."""
    statement = select(ReviewGold, StoredText.text).join(StoredText, StoredText.id == ReviewGold.text_id)
    return session.execute(after(statement, ReviewGold.added_at, ReviewGold.ecg_id, position, limit=limit)).all()


def put(session: Session, ecg_id: uuid.UUID, text_id: int, actor: str) -> ReviewGold:
    """Make an ECG gold, or give it another text."""
    values = {"text_id": text_id, "added_by": actor, "added_at": func.now()}
    statement = insert(ReviewGold).values(ecg_id=ecg_id, **values)
    return session.scalars(
        statement.on_conflict_do_update(index_elements=["ecg_id"], set_=values).returning(ReviewGold),
        execution_options={"populate_existing": True},
    ).one()


def by_id(session: Session, ecg_id: uuid.UUID) -> Row[ReviewGold, str | None] | None:
    """Return a gold ECG with its text, and lock it."""
    statement = select(ReviewGold, StoredText.text).join(StoredText, StoredText.id == ReviewGold.text_id)
    return session.execute(statement.where(ReviewGold.ecg_id == ecg_id).with_for_update(of=ReviewGold)).first()


def drop(session: Session, ecg_id: uuid.UUID) -> None:
    """Make an ECG an ordinary one."""
    session.execute(delete(ReviewGold).where(ReviewGold.ecg_id == ecg_id).execution_options(synchronize_session=False))
