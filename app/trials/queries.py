"""SQL of trials. A row lives for a question: it is deleted with the answer, or swept."""

import uuid
from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.predictions.queries import wake
from app.trials.tables import Trial

KEPT_S = 300
"""Seconds after which a trial is deleted that nobody waited for to the end."""


def ask(session: Session, model_id: uuid.UUID, waveform: bytes) -> Trial:
    """Write a question. Inference workers are notified when it is committed."""
    trial = Trial(model_id=model_id, waveform=waveform)
    session.add(trial)
    session.flush()
    wake(session)
    return trial


def waveform(session: Session, trial_id: uuid.UUID) -> bytes:
    """Return the encoded waveform that a trial is about."""
    return session.scalars(select(Trial.waveform).where(Trial.id == trial_id)).one()


def remove(session: Session, trial_id: uuid.UUID) -> None:
    """Delete a trial, with its waveform."""
    session.execute(delete(Trial).where(Trial.id == trial_id))


def sweep(session: Session) -> None:
    """Delete the trials whose time is over."""
    over = Trial.created_at < func.now() - timedelta(seconds=KEPT_S)
    session.execute(delete(Trial).where(over))
