"""SQL of users and keys."""

import uuid

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.auth.tables import ApiKey, User
from app.kit.audit import AuditEntry


def active_key_owner(session: Session, sha256: bytes) -> User | None:
    """Find the enabled user who holds the unrevoked key of this hash."""
    return session.scalar(
        select(User)
        .join(ApiKey, ApiKey.user_id == User.id)
        .where(ApiKey.sha256 == sha256, ApiKey.revoked_at.is_(None), User.disabled_at.is_(None))
    )


def key_by_hash(session: Session, sha256: bytes) -> ApiKey | None:
    """Find a key, revoked or not."""
    return session.scalar(select(ApiKey).where(ApiKey.sha256 == sha256))


def key(session: Session, key_id: uuid.UUID) -> ApiKey | None:
    """Find a key by its id, and lock it."""
    return session.scalar(select(ApiKey).where(ApiKey.id == key_id).with_for_update())


def environment_keys(session: Session) -> list[ApiKey]:
    """List unrevoked keys that came from the environment (at most one)."""
    return list(
        session.scalars(
            select(ApiKey).where(ApiKey.source == "environment", ApiKey.revoked_at.is_(None)).with_for_update()
        )
    )


def active_admin_keys(session: Session) -> int:
    """Count the keys that open everything."""
    return (
        session.scalar(
            select(func.count())
            .select_from(ApiKey)
            .join(User, User.id == ApiKey.user_id)
            .where(User.role == "admin", User.disabled_at.is_(None), ApiKey.revoked_at.is_(None))
        )
        or 0
    )


def user_by_name(session: Session, name: str) -> User | None:
    """Find a user by name, and lock the row."""
    return session.scalar(select(User).where(User.name == name).with_for_update())


def users(session: Session) -> list[User]:
    """List every user by name."""
    return list(session.scalars(select(User).order_by(User.name)))


def keys_of(session: Session, user_id: uuid.UUID) -> list[ApiKey]:
    """List a user's keys, oldest first."""
    return list(session.scalars(select(ApiKey).where(ApiKey.user_id == user_id).order_by(ApiKey.created_at)))


def lock_bootstrap(session: Session) -> None:
    """Let one process at a time decide whether a first admin is needed."""
    session.execute(select(func.pg_advisory_xact_lock(0x6F766572)))


def audit_entries(session: Session, before_id: int | None, limit: int) -> list[AuditEntry]:
    """List audit entries, newest first, one more than `limit`."""
    statement = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit + 1)
    if before_id is not None:
        statement = statement.where(AuditEntry.id < before_id)
    return list(session.scalars(statement))
