"""SQL of the patient key's fingerprint, and of how often somebody tried patient numbers."""

from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.ecgs.patients.tables import PatientKey
from app.kit.audit import MISS, AuditEntry


def fingerprint(session: Session) -> bytes | None:
    """Return the fingerprint of the key that stored hashes were made with, None where none is registered."""
    return session.scalar(select(PatientKey.fingerprint))


def register(session: Session, given: bytes) -> None:
    """Register the key's fingerprint, unless one is registered."""
    session.execute(insert(PatientKey).values(id=1, fingerprint=given).on_conflict_do_nothing())


def misses_since(session: Session, actor: str, window: timedelta, most: int) -> int:
    """Count the wrong patient numbers that somebody has lately sent, up to `most`."""
    recent = (
        select(AuditEntry.id)
        .where(AuditEntry.actor == actor, AuditEntry.action == MISS, AuditEntry.at > func.now() - window)
        .limit(most)
        .subquery()
    )
    return session.scalar(select(func.count()).select_from(recent)) or 0
