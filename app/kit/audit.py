"""The audit log: who changed what, with before and after, in the transaction of the change."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Identity, Index, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.kit.database import Base, CreatedAt, Json
from app.kit.times import written

MISS = "patient_miss"
"""The action of an entry about a patient number that was not the right one."""


class AuditEntry(Base):
    """One change. It never contains report text, patient numbers or keys."""

    __tablename__ = "audit_log"
    __table_args__ = (
        Index(None, "resource", "resource_id"),
        Index("ix_audit_log_actor", "actor", text("id DESC")),
        Index("ix_audit_log_action", "action", text("id DESC")),
        Index("ix_audit_log_misses", "actor", "at", postgresql_where=text(f"action = '{MISS}'")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[CreatedAt]
    actor: Mapped[str]
    action: Mapped[str]
    resource: Mapped[str]
    resource_id: Mapped[str]
    before: Mapped[Json | None]
    after: Mapped[Json | None]


def record(
    session: Session,
    actor: str,
    action: str,
    resource: str,
    *,
    resource_id: uuid.UUID | str,
    before: Json | None = None,
    after: Json | None = None,
) -> None:
    """Add an entry to the change's transaction: both are committed or neither is."""
    entry = AuditEntry(
        actor=actor,
        action=action,
        resource=resource,
        resource_id=str(resource_id),
        before=_plain(before),
        after=_plain(after),
    )
    session.add(entry)


def _plain(values: Json | None) -> Json | None:
    return None if values is None else {key: _json(value) for key, value in values.items()}


def _json(value: Any) -> Any:
    if isinstance(value, uuid.UUID):
        return str(value)
    return written(value) if isinstance(value, datetime) else value
