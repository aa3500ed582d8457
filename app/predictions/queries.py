"""SQL of predictions: asking, claiming, answering."""

import json
import uuid
from collections.abc import Collection, Sequence
from datetime import timedelta
from functools import cache
from typing import NamedTuple, TypeVar

from sqlalchemy import Table, TextClause, func, inspect, select, text, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from app.kit.database import Json
from app.predictions.tables import Prediction, Question

CHANNEL = "overread_predictions"
"""Where inference workers hear that there are questions, or, by its id, of a model that they shall load."""
ENDED = "overread_answers"
"""Where the service hears the id of a question that has ended."""

Asked = TypeVar("Asked", bound=Question)


def ask(
    session: Session, ecg_id: uuid.UUID, model_id: uuid.UUID, user_id: uuid.UUID, *, phrases: Sequence[str]
) -> Prediction:
    """Write a question. Inference workers are notified when it is committed."""
    given = {
        "id": uuid.uuid4(),
        "ecg_id": ecg_id,
        "model_id": model_id,
        "user_id": user_id,
        "phrases": list(phrases),
    }
    created_at = session.execute(_ASK, given).one()[0]
    return Prediction(**given, state="open", attempts=0, created_at=created_at)


_ASK = text(
    f"""
    INSERT INTO predictions (id, ecg_id, model_id, user_id, phrases)
    VALUES (:id, :ecg_id, :model_id, :user_id, CAST(:phrases AS text[]))
    RETURNING created_at, pg_notify('{CHANNEL}', '')
    """  # noqa: S608
)


def wake(session: Session) -> None:
    """Notify inference workers of a question when it is committed."""
    session.execute(text(f"NOTIFY {CHANNEL}"))


def tell_to_load(session: Session, model_id: uuid.UUID) -> None:
    """Let all inference workers load a model, when this is committed: it is about to be asked."""
    session.execute(text("SELECT pg_notify(:channel, :model)"), {"channel": CHANNEL, "model": str(model_id)})


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
    return list(session.scalars(select(kind).from_statement(_ended(_table(kind))), {"ids": list(question_ids)}))


@cache
def _ended(table: str) -> TextClause:
    over = "state IN ('answered', 'failed')"
    return text(f"SELECT * FROM {table} WHERE id = ANY(CAST(:ids AS uuid[])) AND {over}")  # noqa: S608


def claim(
    session: Session,
    kind: type[Asked],
    lease_s: float,
    most: int,
    *,
    models: Collection[uuid.UUID] | None = None,
    max_attempts: int | None = None,
) -> list[Asked]:
    """Claim the oldest questions of a kind that are open, or whose lease has expired; only those to `models`, if given.

    One that was claimed before is claimed alone: it may have ended its worker, and would end others' leases with it.
    One that was claimed `max_attempts` times is left to `bury`.
    """
    given = {
        "models": None if models is None else list(models),
        "attempts": max_attempts,
        "most": most,
        "lease_s": lease_s,
    }
    claimed = list(
        session.scalars(
            select(kind).from_statement(_claim(_table(kind))), given, execution_options={"populate_existing": True}
        )
    )
    if any(each.attempts > 1 for each in claimed):
        wake(session)  # others may wait behind it
    return sorted(claimed, key=lambda each: each.created_at)


@cache
def _claim(table: str) -> TextClause:
    """Return the statement of `claim`. Its states are literals: so every plan of it uses the index of open rows."""
    return text(
        f"""
        WITH found AS (
            SELECT id, attempts, created_at FROM {table}
            WHERE (state = 'open' OR (state = 'claimed' AND lease_expires_at < now()
                   AND (CAST(:attempts AS integer) IS NULL OR attempts < CAST(:attempts AS integer))))
            AND (CAST(:models AS uuid[]) IS NULL OR model_id = ANY(CAST(:models AS uuid[])))
            ORDER BY created_at LIMIT :most FOR UPDATE SKIP LOCKED
        ), numbered AS (
            SELECT id, attempts, row_number() OVER (ORDER BY created_at) AS number FROM found
        ), again AS (
            SELECT min(number) AS number FROM numbered WHERE attempts > 0
        )
        UPDATE {table} asked
        SET state = 'claimed', attempts = asked.attempts + 1,
            lease_expires_at = now() + CAST(:lease_s AS double precision) * interval '1 second'
        FROM numbered, again
        WHERE asked.id = numbered.id AND (numbered.number = 1 OR numbered.number < coalesce(again.number, :most + 1))
        RETURNING asked.*
        """  # noqa: S608
    )


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
    over = (kind.state == "claimed", kind.lease_expires_at < func.now(), kind.attempts >= max_attempts)
    lost = session.scalars(select(kind).where(*over).with_for_update(skip_locked=True)).all()
    end(session, [Ended(each, error=error) for each in lost])


class Ended(NamedTuple):
    """A question with its answer, or with why there is none."""

    asked: Question
    answer: Json | None = None
    error: Json | None = None


def answer(session: Session, asked: Question, given: Json) -> None:
    """Write the answer, unless the question has ended already."""
    end(session, [Ended(asked, answer=given)])


def fail(session: Session, asked: Question, error: Json) -> None:
    """Write why there is no answer, unless the question has ended already."""
    end(session, [Ended(asked, error=error)])


def end(session: Session, ended: Sequence[Ended]) -> None:
    """Write answers, or why there are none, unless the questions have ended already; those who wait are told."""
    for kind in {type(each.asked) for each in ended}:
        own = [
            {"id": str(each.asked.id), "answer": each.answer, "error": each.error}
            for each in ended
            if type(each.asked) is kind
        ]
        session.execute(_end(_table(kind)), {"ended": json.dumps(own)})


def _table(kind: type[Question]) -> str:
    mapped: Table = inspect(kind).local_table
    return mapped.name


@cache
def _end(table: str) -> TextClause:
    return text(
        f"""
        UPDATE {table} asked
        SET state = CASE WHEN ended.error IS NULL THEN 'answered' ELSE 'failed' END,
            answer = ended.answer, error = ended.error, answered_at = now(), lease_expires_at = NULL
        FROM jsonb_to_recordset(CAST(:ended AS jsonb)) AS ended(id uuid, answer jsonb, error jsonb)
        WHERE asked.id = ended.id AND asked.state IN ('open', 'claimed')
        RETURNING pg_notify('{ENDED}', asked.id::text)
        """  # noqa: S608
    )
