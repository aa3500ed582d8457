"""SQL of sessions and sign-in links."""

import uuid
from datetime import datetime, timedelta

from sqlalchemy import and_, delete, func, or_, select, update
from sqlalchemy.orm import Session

from app.auth.sessions.tables import SignInLink, UserSession
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


def session_of(session: Session, user_id: uuid.UUID, session_id: uuid.UUID) -> UserSession | None:
    """Find a session of a user."""
    return session.scalar(select(UserSession).where(UserSession.id == session_id, UserSession.user_id == user_id))


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
