"""SQL of predictions of many ECGs."""

import uuid
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.bulk_predictions.schemas import BulkPrediction
from app.ecgs.tables import Ecg


def now(session: Session) -> str:
    """Return the database's time, with its offset."""
    return session.execute(select(func.now())).scalar_one().isoformat()


def ecgs_after(session: Session, chosen: BulkPrediction, last: uuid.UUID | None, limit: int) -> Sequence[Ecg]:
    """Return the next ECGs of a choice with a waveform, in the order of their ids."""
    statement = select(Ecg).where(
        Ecg.waveform_sha256.is_not(None),
        Ecg.simulated == chosen.simulated,
        Ecg.created_at <= chosen.stored_until,
    )
    if last is not None:
        statement = statement.where(Ecg.id > last)
    if chosen.recorded_from is not None:
        statement = statement.where(Ecg.recorded_at >= chosen.recorded_from)
    if chosen.recorded_to is not None:
        statement = statement.where(Ecg.recorded_at < chosen.recorded_to)
    if chosen.site is not None:
        statement = statement.where(Ecg.site == chosen.site)
    if chosen.device is not None:
        statement = statement.where(Ecg.device == chosen.device)
    return session.scalars(statement.order_by(Ecg.id).limit(limit)).all()
