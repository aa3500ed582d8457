"""SQL of predictions: asking, claiming, answering."""

import uuid
from collections.abc import Collection, Sequence
from datetime import timedelta
from itertools import takewhile
from typing import TypeVar

from sqlalchemy import func, or_, select, text, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from app.kit.database import Json
from app.predictions.tables import Prediction, Question

CHANNEL = "overread_predictions"

Asked = TypeVar("Asked", bound=Question)


def ask(
    session: Session, ecg_id: uuid.UUID, model_id: uuid.UUID, user_id: uuid.UUID, *, phrases: Sequence[str]
) -> Prediction:
    """Write a question. Inference workers are notified when it is committed."""
    prediction = Prediction(ecg_id=ecg_id, model_id=model_id, user_id=user_id, phrases=list(phrases))
    session.add(prediction)
    session.flush()
    session.refresh(prediction)
    wake(session)
    return prediction


def wake(session: Session) -> None:
    """Notify inference workers of a question when it is committed."""
    session.execute(text(f"NOTIFY {CHANNEL}"))


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


def ended(session: Session, kind: type[Asked], question_ids: Sequence[uuid.UUID]) -> Sequence[Asked]:
    """Return those of these questions that are answered or failed."""
    over = kind.state.in_(["answered", "failed"])
    return session.scalars(select(kind).where(kind.id.in_(question_ids), over)).all()


def claim(
    session: Session, kind: type[Asked], lease_s: float, most: int, *, models: Collection[uuid.UUID] | None = None
) -> list[Asked]:
    """Claim the oldest questions of a kind that are open, or whose lease has expired; only those to `models`, if given.

    One that was claimed before is claimed alone: it may have ended its worker, and would end others' leases with it.
    """
    claimable = or_(kind.state == "open", (kind.state == "claimed") & (kind.lease_expires_at < func.now()))
    chosen = select(kind.id, kind.attempts).where(claimable)
    if models is not None:
        chosen = chosen.where(kind.model_id.in_(models))
    found = session.execute(chosen.order_by(kind.created_at).limit(most).with_for_update(skip_locked=True)).all()
    if not found:
        return []
    fresh = [row.id for row in takewhile(lambda row: row.attempts == 0, found)]
    claimed = session.scalars(
        update(kind)
        .where(kind.id.in_(fresh or [found[0].id]))
        .values(
            state="claimed",
            lease_expires_at=func.now() + timedelta(seconds=lease_s),
            attempts=kind.attempts + 1,
        )
        .returning(kind)
        .execution_options(populate_existing=True)
    )
    return sorted(claimed, key=lambda each: each.created_at)


def extend(session: Session, asked: Sequence[Question], lease_s: float) -> None:
    """Extend the leases of claimed questions."""
    for kind in {type(each) for each in asked}:
        session.execute(
            update(kind)
            .where(kind.id.in_([each.id for each in asked]), kind.state == "claimed")
            .values(lease_expires_at=func.now() + timedelta(seconds=lease_s))
        )


def give_back(session: Session, asked: Question) -> None:
    """Open a claimed question again, for any worker."""
    kind = type(asked)
    session.execute(
        update(kind)
        .where(kind.id == asked.id, kind.state == "claimed")
        .values(state="open", lease_expires_at=None, attempts=kind.attempts - 1)
    )


def free_leases(session: Session) -> None:
    """End the lease of every claimed question: for a start at which no inference worker can be alive."""
    session.execute(update(Prediction).where(Prediction.state == "claimed").values(lease_expires_at=func.now()))


def bury(session: Session, kind: type[Question], max_attempts: int) -> None:
    """Fail the questions of a kind whose lease has expired after so many attempts: such a question ends its workers."""
    error = {
        "code": "worker_died",
        "detail": f"Gave up: {max_attempts} inference workers ended while they answered this question.",
    }
    session.execute(
        update(kind)
        .where(
            kind.state == "claimed",
            kind.lease_expires_at < func.now(),
            kind.attempts >= max_attempts,
        )
        .values(state="failed", error=error, answered_at=func.now(), lease_expires_at=None)
    )


def answer(session: Session, asked: Question, given: Json) -> None:
    """Write the answer, unless the question has ended already."""
    _end(session, asked, state="answered", answer=given)


def fail(session: Session, asked: Question, error: Json) -> None:
    """Write why there is no answer, unless the question has ended already."""
    _end(session, asked, state="failed", error=error)


def _end(session: Session, asked: Question, **values: object) -> None:
    kind = type(asked)
    session.execute(
        update(kind)
        .where(kind.id == asked.id, kind.state.in_(["open", "claimed"]))
        .values(answered_at=func.now(), lease_expires_at=None, **values)
    )
