"""SQL of predictions: asking, claiming, answering."""

import uuid
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import func, or_, select, text, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from app.kit.database import Json
from app.predictions.tables import Prediction

CHANNEL = "overread_predictions"


def ask(
    session: Session, ecg_id: uuid.UUID, model_id: uuid.UUID, user_id: uuid.UUID, *, phrases: Sequence[str]
) -> Prediction:
    """Write a question. Inference workers are notified when it is committed."""
    prediction = Prediction(ecg_id=ecg_id, model_id=model_id, user_id=user_id, phrases=list(phrases))
    session.add(prediction)
    session.flush()
    session.refresh(prediction)
    session.execute(text(f"NOTIFY {CHANNEL}"))
    return prediction


def by_id(session: Session, prediction_id: uuid.UUID) -> Prediction | None:
    """Return a question."""
    return session.get(Prediction, prediction_id)


def answered(session: Session, ecg_id: uuid.UUID, user_id: uuid.UUID | None) -> Sequence[Prediction]:
    """Return the last answer of each model about an ECG, the newest first; only those that `user_id` asked for."""
    chosen = select(Prediction).where(Prediction.ecg_id == ecg_id, Prediction.state == "answered")
    if user_id is not None:
        chosen = chosen.where(Prediction.user_id == user_id)
    of_model = distinct_on(Prediction.model_id)
    last = chosen.ext(of_model).order_by(Prediction.model_id, Prediction.created_at.desc())
    return sorted(session.scalars(last), key=lambda each: each.created_at, reverse=True)


def ended(session: Session, prediction_ids: Sequence[uuid.UUID]) -> Sequence[Prediction]:
    """Return those of these questions that are answered or failed."""
    over = Prediction.state.in_(["answered", "failed"])
    return session.scalars(select(Prediction).where(Prediction.id.in_(prediction_ids), over)).all()


def claim_oldest(session: Session, lease_s: float) -> Prediction | None:
    """Claim the oldest question that is open, or whose lease has expired."""
    oldest = (
        select(Prediction.id)
        .where(
            or_(
                Prediction.state == "open",
                (Prediction.state == "claimed") & (Prediction.lease_expires_at < func.now()),
            )
        )
        .order_by(Prediction.created_at)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    return session.scalar(
        update(Prediction)
        .where(Prediction.id == oldest)
        .values(
            state="claimed",
            lease_expires_at=func.now() + timedelta(seconds=lease_s),
            attempts=Prediction.attempts + 1,
        )
        .returning(Prediction)
        .execution_options(populate_existing=True)
    )


def extend(session: Session, prediction_id: uuid.UUID, lease_s: float) -> None:
    """Extend the lease of a claimed question."""
    session.execute(
        update(Prediction)
        .where(Prediction.id == prediction_id, Prediction.state == "claimed")
        .values(lease_expires_at=func.now() + timedelta(seconds=lease_s))
    )


def free_leases(session: Session) -> None:
    """End the lease of every claimed question: for a start at which no inference worker can be alive."""
    session.execute(update(Prediction).where(Prediction.state == "claimed").values(lease_expires_at=func.now()))


def bury(session: Session, max_attempts: int) -> None:
    """Fail the questions whose lease has expired after so many attempts: such a question ends its workers."""
    error = {
        "code": "worker_died",
        "detail": f"Gave up: {max_attempts} inference workers ended while they answered this question.",
    }
    session.execute(
        update(Prediction)
        .where(
            Prediction.state == "claimed",
            Prediction.lease_expires_at < func.now(),
            Prediction.attempts >= max_attempts,
        )
        .values(state="failed", error=error, answered_at=func.now(), lease_expires_at=None)
    )


def answer(session: Session, prediction_id: uuid.UUID, given: Json) -> None:
    """Write the answer, unless the question has ended already."""
    _end(session, prediction_id, state="answered", answer=given)


def fail(session: Session, prediction_id: uuid.UUID, error: Json) -> None:
    """Write why there is no answer, unless the question has ended already."""
    _end(session, prediction_id, state="failed", error=error)


def _end(session: Session, prediction_id: uuid.UUID, **values: object) -> None:
    session.execute(
        update(Prediction)
        .where(Prediction.id == prediction_id, Prediction.state.in_(["open", "claimed"]))
        .values(answered_at=func.now(), lease_expires_at=None, **values)
    )
