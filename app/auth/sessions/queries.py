"""SQL of sessions, sign-in links, and tries of passwords."""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import and_, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.auth.sessions.tables import SignInLink, SignInTries, UserSession
from app.auth.tables import User


def active_session(session: Session, sha256: bytes, idle: timedelta) -> tuple[UserSession, User] | None:
    """Find the session of this hash and its user, unless it was idle for too long or has expired."""
    statement = (
        select(UserSession, User)
        .join(User, User.id == UserSession.user_id)
        .where(
            UserSession.sha256 == sha256,
            UserSession.expires_at > func.now(),
            UserSession.last_seen_at > func.now() - idle,
            User.disabled_at.is_(None),
        )
    )
    found = session.execute(statement).first()
    return None if found is None else (found[0], found[1])


def note_seen(session: Session, session_id: uuid.UUID, before: datetime) -> None:
    """Set when a session was last seen, unless that was set after `before`, or another request is just setting it."""
    stale = (
        select(UserSession.id)
        .where(UserSession.id == session_id, UserSession.last_seen_at < before)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    session.execute(
        update(UserSession)
        .where(UserSession.id == stale)
        .values(last_seen_at=func.now())
        .execution_options(synchronize_session=False)
    )


def sessions_of(session: Session, user_id: uuid.UUID, idle: timedelta) -> list[UserSession]:
    """List a user's sessions that have not ended, the last seen first."""
    statement = (
        select(UserSession)
        .where(
            UserSession.user_id == user_id,
            UserSession.expires_at > func.now(),
            UserSession.last_seen_at > func.now() - idle,
        )
        .order_by(UserSession.last_seen_at.desc(), UserSession.id)
    )
    return list(session.scalars(statement))


def any_session(session: Session, session_id: uuid.UUID) -> tuple[UserSession, User] | None:
    """Find a session by its id, with its user."""
    statement = select(UserSession, User).join(User, User.id == UserSession.user_id).where(UserSession.id == session_id)
    found = session.execute(statement).first()
    return None if found is None else (found[0], found[1])


def session_by_hash(session: Session, sha256: bytes) -> tuple[UserSession, User] | None:
    """Find a session by its token's hash, with its user, also one that is over."""
    statement = select(UserSession, User).join(User, User.id == UserSession.user_id).where(UserSession.sha256 == sha256)
    found = session.execute(statement).first()
    return None if found is None else (found[0], found[1])


def sessions_by_user(session: Session, idle: timedelta) -> dict[uuid.UUID, int]:
    """Count the sessions of each user that have not ended."""
    statement = (
        select(UserSession.user_id, func.count().label("number"))
        .where(UserSession.expires_at > func.now(), UserSession.last_seen_at > func.now() - idle)
        .group_by(UserSession.user_id)
    )
    return {row.user_id: row.number for row in session.execute(statement)}


def end_sessions(session: Session, user_id: uuid.UUID, *, but: uuid.UUID | None = None) -> int:
    """End the sessions of a user, all but one, and return how many there were."""
    statement = delete(UserSession).where(UserSession.user_id == user_id)
    if but is not None:
        statement = statement.where(UserSession.id != but)
    return len(session.scalars(statement.returning(UserSession.id)).all())


def end_old_sessions(session: Session, user_id: uuid.UUID, idle: timedelta, most: int) -> None:
    """Delete a user's sessions that are over, and those beyond `most`, the longest unseen first."""
    kept = (
        select(UserSession.id)
        .where(UserSession.user_id == user_id)
        .order_by(UserSession.last_seen_at.desc())
        .limit(most)
        .scalar_subquery()
    )
    is_over = or_(
        UserSession.expires_at <= func.now(),
        UserSession.last_seen_at <= func.now() - idle,
        UserSession.id.not_in(kept),
    )
    session.execute(
        delete(UserSession)
        .where(and_(UserSession.user_id == user_id, is_over))
        .execution_options(synchronize_session=False)
    )


def link(session: Session, sha256: bytes) -> tuple[SignInLink, User] | None:
    """Find the link of this hash and its user, and lock it, unless it has expired or the user is disabled."""
    statement = (
        select(SignInLink, User)
        .join(User, User.id == SignInLink.user_id)
        .where(SignInLink.sha256 == sha256, SignInLink.expires_at > func.now(), User.disabled_at.is_(None))
        .with_for_update(of=SignInLink)
    )
    found = session.execute(statement).first()
    return None if found is None else (found[0], found[1])


def end_links(session: Session, user_id: uuid.UUID) -> None:
    """Delete every link of a user."""
    session.execute(
        delete(SignInLink).where(SignInLink.user_id == user_id).execution_options(synchronize_session=False)
    )


def end_old_links(session: Session) -> None:
    """Delete every link that has expired."""
    session.execute(
        delete(SignInLink).where(SignInLink.expires_at <= func.now()).execution_options(synchronize_session=False)
    )


def lock_tries(session: Session, hashes: Iterable[bytes]) -> tuple[dict[bytes, SignInTries], datetime]:
    """Return the tries of each of these hashes, locked, none of them yet where there was no row; and the time."""
    ordered = sorted(hashes)  # the order in which everybody locks
    epoch = func.to_timestamp(0)
    for each in ordered:
        row = {"hash": each, "tries": 0, "last_at": epoch, "free_at": epoch}
        session.execute(insert(SignInTries).values(row).on_conflict_do_nothing())
    statement = select(SignInTries).where(SignInTries.hash.in_(ordered)).order_by(SignInTries.hash).with_for_update()
    rows = {row.hash: row for row in session.scalars(statement.execution_options(populate_existing=True))}
    now = session.scalar(select(func.clock_timestamp()))
    assert now is not None
    return rows, now


def forget_tries(session: Session, before: datetime, most: int) -> None:
    """Delete tries that were last made before a time, so many rows at most."""
    old = (
        select(SignInTries.hash)
        .where(SignInTries.last_at < before)
        .limit(most)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    session.execute(delete(SignInTries).where(SignInTries.hash.in_(old)).execution_options(synchronize_session=False))
