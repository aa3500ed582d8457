"""SQL of models."""

import uuid
from collections.abc import Sequence

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.kit.pagination import Position, after
from app.models.tables import Model


def by_id(session: Session, model_id: uuid.UUID) -> Model | None:
    """Find a model."""
    return session.get(Model, model_id)


def newest(session: Session, position: Position | None, limit: int) -> Sequence[Model]:
    """List models, newest first, one more than `limit`."""
    return session.scalars(after(select(Model), Model.created_at, Model.id, position, limit)).all()


def promoted(session: Session) -> Model | None:
    """Find the model that answers when none is named."""
    return session.scalar(select(Model).where(Model.promoted))


def add_shipped(session: Session, **values: object) -> None:
    """Write the row of a model that came with the release, unless it is there."""
    session.execute(insert(Model).values(values).on_conflict_do_nothing(index_elements=[Model.id]))


def shipped(session: Session) -> Model | None:
    """Find the newest model that came with a release."""
    newest = select(Model).where(Model.job_id.is_(None)).order_by(Model.created_at.desc(), Model.id).limit(1)
    return session.scalar(newest)


def promote(session: Session, model: Model) -> None:
    """Make a model the promoted one; two at once wait for each other."""
    session.execute(select(func.pg_advisory_xact_lock(0x70726F6D)))
    session.execute(update(Model).where(Model.promoted).values(promoted=False, promoted_at=None))
    session.execute(update(Model).where(Model.id == model.id).values(promoted=True, promoted_at=func.now()))
    session.refresh(model)
