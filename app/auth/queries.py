"""SQL of users and keys."""

import uuid
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, bindparam, func, or_, select, union_all, update
from sqlalchemy.orm import Session

from app.auth.sessions.tables import UserSession
from app.auth.tables import ApiKey, User
from app.kit.audit import AuditEntry


def _is_active() -> ColumnElement[bool]:
    """Return the condition under which a key, joined with its user, is accepted."""
    unexpired = or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > func.now())
    return and_(ApiKey.revoked_at.is_(None), unexpired, User.disabled_at.is_(None))


def active_key(session: Session, sha256: bytes) -> tuple[ApiKey, User] | None:
    """Find the key of this hash and its user, if it is accepted."""
    found = session.execute(_ACTIVE_KEY, {"sha256": sha256}).first()
    return None if found is None else (found[0], found[1])


_ACTIVE_KEY = (
    select(ApiKey, User).join(User, ApiKey.user_id == User.id).where(ApiKey.sha256 == bindparam("sha256"), _is_active())
)


def note_use(session: Session, key_id: uuid.UUID, before: datetime) -> None:
    """Set when a key was last used, unless that was set after `before`, or another request is just setting it."""
    stale = (
        select(ApiKey.id)
        .where(ApiKey.id == key_id, or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < before))
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    session.execute(
        update(ApiKey)
        .where(ApiKey.id == stale)
        .values(last_used_at=func.now())
        .execution_options(synchronize_session=False)
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
    """Count the accepted keys of admins."""
    return (
        session.scalar(
            select(func.count())
            .select_from(ApiKey)
            .join(User, User.id == ApiKey.user_id)
            .where(User.role == "admin", _is_active())
        )
        or 0
    )


def other_admins(session: Session, user: User) -> int:
    """Count the enabled admins besides a user, and lock them: none is disabled or demoted meanwhile."""
    others = select(User.id).where(User.role == "admin", User.disabled_at.is_(None), User.id != user.id)
    return len(session.scalars(others.order_by(User.id).with_for_update()).all())


def oldest_admin(session: Session) -> User | None:
    """Find the enabled admin who was made first, and lock the row."""
    enabled = select(User).where(User.role == "admin", User.disabled_at.is_(None))
    return session.scalar(enabled.order_by(User.created_at, User.id).limit(1).with_for_update())


def user_named(session: Session, name: str) -> User | None:
    """Find a user by name."""
    return session.scalar(select(User).where(User.name == name))


def user_by_name(session: Session, name: str) -> User | None:
    """Find a user by name, and lock the row."""
    return session.scalar(select(User).where(User.name == name).with_for_update())


def users(session: Session) -> list[User]:
    """List every user by name."""
    return list(session.scalars(select(User).order_by(User.name)))


def keys_of(session: Session, user_id: uuid.UUID) -> list[ApiKey]:
    """List a user's keys, oldest first."""
    return list(session.scalars(select(ApiKey).where(ApiKey.user_id == user_id).order_by(ApiKey.created_at)))


def user(session: Session, user_id: uuid.UUID) -> User | None:
    """Find a user by its id."""
    return session.scalar(select(User).where(User.id == user_id))


def newest_keys(session: Session, user_id: uuid.UUID, most: int) -> list[ApiKey]:
    """List a user's keys, newest first, so many at most."""
    statement = select(ApiKey).where(ApiKey.user_id == user_id).order_by(ApiKey.created_at.desc(), ApiKey.id)
    return list(session.scalars(statement.limit(most)))


def keys_by_user(session: Session) -> dict[uuid.UUID, int]:
    """Count the accepted keys of each user."""
    statement = (
        select(ApiKey.user_id, func.count().label("number"))
        .join(User, User.id == ApiKey.user_id)
        .where(_is_active())
        .group_by(ApiKey.user_id)
    )
    return {row.user_id: row.number for row in session.execute(statement)}


def last_seen(session: Session) -> dict[uuid.UUID, datetime]:
    """Return when a key or a session of each user was last used."""
    used = union_all(
        select(ApiKey.user_id, ApiKey.last_used_at.label("at")).where(ApiKey.last_used_at.is_not(None)),
        select(UserSession.user_id, UserSession.last_seen_at),
    ).subquery()
    newest_use = select(used.c.user_id, func.max(used.c.at).label("at")).group_by(used.c.user_id)
    return {row.user_id: row.at for row in session.execute(newest_use)}


def lock_bootstrap(session: Session) -> None:
    """Let one process at a time decide whether a first admin is needed."""
    session.execute(select(func.pg_advisory_xact_lock(0x6F766572)))


class ChosenChanges(NamedTuple):
    """Which audit entries are asked for; None: any."""

    actor: str | None = None
    action: str | None = None
    resource: str | None = None
    begin: datetime | None = None
    end: datetime | None = None


def audit_entries(session: Session, chosen: ChosenChanges, before_id: int | None, limit: int) -> list[AuditEntry]:
    """List audit entries, newest first, one more than `limit`."""
    statement = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit + 1)
    for column in (AuditEntry.actor, AuditEntry.action, AuditEntry.resource):
        if (wanted := getattr(chosen, column.key)) is not None:
            statement = statement.where(column == wanted)
    if chosen.begin is not None:
        statement = statement.where(AuditEntry.at >= chosen.begin)
    if chosen.end is not None:
        statement = statement.where(AuditEntry.at < chosen.end)
    if before_id is not None:
        statement = statement.where(AuditEntry.id < before_id)
    return list(session.scalars(statement))
