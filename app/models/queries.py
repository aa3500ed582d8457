"""SQL of models."""

import uuid
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.kit.pagination import Position, after
from app.models.tables import Model


class Named(NamedTuple):
    """Which model, in short: its row holds its manifest, which is long."""

    id: uuid.UUID
    name: str


def by_id(session: Session, model_id: uuid.UUID) -> Model | None:
    """Return a model, or None."""
    return session.get(Model, model_id)


def newest(session: Session, position: Position | None, limit: int) -> Sequence[Model]:
    """Return models, newest first, one more than `limit`."""
    return session.scalars(after(select(Model), Model.created_at, Model.id, position, limit=limit)).all()


def promoted(session: Session) -> Model | None:
    """Return the promoted model: it answers predictions that name no model."""
    return session.scalar(select(Model).where(Model.promoted))


def answering(session: Session) -> Named | None:
    """Return the model that answers predictions that name none: the promoted one, else the newest that shipped."""
    found = session.execute(_ANSWERING).first()
    return None if found is None else Named(*found)


def named(session: Session, model_id: uuid.UUID) -> Named | None:
    """Return a model's id and name, or None."""
    found = session.execute(select(Model.id, Model.name).where(Model.id == model_id)).first()
    return None if found is None else Named(*found)


_ANSWERING = (
    select(Model.id, Model.name)
    .where(or_(Model.promoted, Model.origin == "shipped"))
    .order_by(Model.promoted.desc(), Model.created_at.desc(), Model.id)
    .limit(1)
)


def of_weights(session: Session, weights_sha256: str) -> Sequence[Model]:
    """Return the models that have these weights, oldest first."""
    return session.scalars(
        select(Model).where(Model.weights_sha256 == weights_sha256).order_by(Model.created_at, Model.id)
    ).all()


def add_once(session: Session, **values: object) -> bool:
    """Write a model's row, and return whether it is new: the same id is there once."""
    row = insert(Model).values(values).on_conflict_do_nothing(index_elements=[Model.id]).returning(Model.id)
    return session.scalar(row) is not None


def mark_if_it_holds_erased(session: Session, model_id: uuid.UUID) -> None:
    """Mark a new model where one of its datasets, or the model that it goes on from, holds what was erased."""
    session.execute(
        text(
            """
            UPDATE models m SET holds_erased = true FROM jobs j WHERE m.id = :id AND j.id = m.job_id AND (
                EXISTS (SELECT FROM datasets d WHERE d.holds_erased > 0
                        AND d.id::text IN (j.params ->> 'dataset', j.params ->> 'unlabelled'))
                OR EXISTS (SELECT FROM models o WHERE o.holds_erased AND o.id::text = j.params ->> 'start_from')
            )
            """
        ),
        {"id": model_id},
    )


def shipped(session: Session) -> Model | None:
    """Return the newest model that came with a release, or None."""
    newest = select(Model).where(Model.origin == "shipped").order_by(Model.created_at.desc(), Model.id).limit(1)
    return session.scalar(newest)


def promote(session: Session, model: Model) -> None:
    """Promote a model instead of the one before; concurrent promotions wait for each other."""
    session.execute(select(func.pg_advisory_xact_lock(0x70726F6D)))
    session.execute(update(Model).where(Model.promoted).values(promoted=False, promoted_at=None))
    session.execute(update(Model).where(Model.id == model.id).values(promoted=True, promoted_at=func.now()))
    session.refresh(model)


def of_dataset(session: Session, dataset_id: uuid.UUID) -> Sequence[Model]:
    """Return the newest models that were trained on a dataset, at most 50."""
    trained = select(Model).where(Model.dataset_id == dataset_id)
    return session.scalars(trained.order_by(Model.created_at.desc(), Model.id).limit(50)).all()
