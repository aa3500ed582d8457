"""SQL of ECGs."""

import uuid
from typing import Any

from sqlalchemy import exists, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.ecgs.tables import Ecg


def by_id(session: Session, ecg_id: uuid.UUID) -> Ecg | None:
    """Find an ECG."""
    return session.get(Ecg, ecg_id)


def by_digest(session: Session, waveform_sha256: str) -> Ecg | None:
    """Find the ECG of a waveform, and lock it."""
    return session.scalar(select(Ecg).where(Ecg.waveform_sha256 == waveform_sha256).with_for_update())


def by_record(session: Session, record: str) -> Ecg | None:
    """Find the ECG of a record, and lock it."""
    return session.scalar(select(Ecg).where(Ecg.record == record).with_for_update())


def has_record(session: Session, record: str) -> bool:
    """Return whether there is an ECG of this record."""
    return bool(session.scalar(select(exists().where(Ecg.record == record))))


def insert_if_absent(session: Session, values: dict[str, Any]) -> bool:
    """Insert an ECG; return False where its waveform or its record is there, also if another request just put it."""
    inserted = session.execute(insert(Ecg).values(values).on_conflict_do_nothing().returning(Ecg.id))
    return inserted.first() is not None


def holds_real(session: Session) -> bool:
    """Return whether there is a real ECG."""
    return bool(session.scalar(select(exists().where(~Ecg.simulated))))


def holds_only_simulated(session: Session) -> bool:
    """Return whether there are simulated ECGs and no real one."""
    return bool(session.scalar(select(Ecg.simulated).order_by(Ecg.simulated).limit(1)))


def holds_name(session: Session, attribute: str, name: str, *, simulated: bool) -> bool:
    """Return whether a real, or simulated, ECG has this site, device or device software."""
    with_name = exists().where(getattr(Ecg, attribute) == name, Ecg.simulated == simulated)
    return bool(session.scalar(select(with_name)))


def has_overread_by(session: Session, reader: str) -> bool:
    """Return whether a current over-read is by this reader."""
    found = "SELECT EXISTS (SELECT FROM reports WHERE current AND source = 'overread' AND reader <> '' AND reader = :r)"
    return bool(session.execute(text(found), {"r": reader}).scalar_one())


def total(session: Session) -> int:
    """Count the ECGs."""
    return session.scalar(select(func.count()).select_from(Ecg)) or 0
