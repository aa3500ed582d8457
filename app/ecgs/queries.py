"""SQL of ECGs."""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import exists, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.ecgs.tables import Ecg
from app.kit.pagination import Position, after


def by_id(session: Session, ecg_id: uuid.UUID) -> Ecg | None:
    """Find an ECG."""
    return session.get(Ecg, ecg_id)


def by_digest(session: Session, waveform_sha256: str) -> Ecg | None:
    """Find the ECG of a waveform, and lock it."""
    return session.scalar(select(Ecg).where(Ecg.waveform_sha256 == waveform_sha256).with_for_update())


def insert_if_absent(session: Session, values: dict[str, Any]) -> bool:
    """Insert an ECG; False when its waveform is there already (also when another request just put it there)."""
    inserted = session.execute(
        insert(Ecg).values(values).on_conflict_do_nothing(index_elements=["waveform_sha256"]).returning(Ecg.id)
    )
    return inserted.first() is not None


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


def newest(
    session: Session, site: str | None, device: str | None, position: Position | None, limit: int
) -> Sequence[Ecg]:
    """List ECGs, newest first, one more than `limit`."""
    statement = select(Ecg)
    if site is not None:
        statement = statement.where(Ecg.site == site)
    if device is not None:
        statement = statement.where(Ecg.device == device)
    return session.scalars(after(statement, Ecg.created_at, Ecg.id, position, limit)).all()


def total(session: Session) -> int:
    """Count the ECGs."""
    return session.scalar(select(func.count()).select_from(Ecg)) or 0
