"""Sessions and sign-in links: opened, and ended; each change audited."""

import hashlib
import secrets
import uuid
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

from sqlalchemy.orm import Session

from app.auth.sessions import queries
from app.auth.sessions.cookies import Token
from app.auth.sessions.tables import SignInLink, UserSession
from app.auth.tables import User
from app.kit import audit
from app.settings import Settings

SEEN_WITHIN = timedelta(minutes=1)
"""How exactly it is known when a session was last seen: one write a minute."""
LINK_LASTS = timedelta(minutes=15)
MOST_SESSIONS = 20
"""Sessions that a user may have at once; a further one ends the one that was unseen for longest."""

OpenedBy = Literal["password", "link"]


class Browser(NamedTuple):
    """Whose browser it is, as far as it says so."""

    address: str
    name: str


def idle_time(settings: Settings) -> timedelta:
    """Return how long a session may be without a request."""
    return timedelta(hours=settings.session_idle_hours)


def open_session(
    session: Session, user: User, token: Token, *, opened_by: OpenedBy, browser: Browser, settings: Settings
) -> UserSession:
    """Sign a user in: from now on the token is theirs."""
    queries.end_old_sessions(session, user.id, idle_time(settings), MOST_SESSIONS - 1)
    row = UserSession(
        user_id=user.id,
        sha256=token.sha256,
        opened_by=opened_by,
        address=browser.address,
        browser=browser.name[:200],
        expires_at=datetime.now(UTC) + timedelta(days=settings.session_days),
    )
    session.add(row)
    session.flush()
    audit.record(session, user.name, "sign_in", "session", resource_id=row.id, after={"by": opened_by})
    return row


def note_seen(session: Session, row: UserSession) -> None:
    """Set when a session was last seen, to the minute."""
    before = datetime.now(UTC) - SEEN_WITHIN
    if row.last_seen_at < before:
        queries.note_seen(session, row.id, before)


def end_session(session: Session, actor: str, row: UserSession) -> None:
    """End a session."""
    audit.record(session, actor, "end", "session", resource_id=row.id, before={"user_id": row.user_id})
    session.delete(row)


def end_sessions(session: Session, actor: str, user: User, *, but: uuid.UUID | None = None) -> int:
    """End all sessions of a user but one, and every link that would open another; return how many there were."""
    queries.end_links(session, user.id)
    ended = queries.end_sessions(session, user.id, but=but)
    if ended:
        audit.record(session, actor, "end_sessions", "user", resource_id=user.id, before={"sessions": ended})
    return ended


def make_link(session: Session, actor: str, user: User) -> str:
    """Return the token of a new link that signs a user in once: the only time anyone sees it."""
    queries.end_old_links(session)
    token = secrets.token_urlsafe(32)
    row = SignInLink(user_id=user.id, sha256=_hash(token), expires_at=datetime.now(UTC) + LINK_LASTS)
    session.add(row)
    session.flush()
    audit.record(session, actor, "create", "sign_in_link", resource_id=row.id, after={"user": user.name})
    return token


def link_address(base: str, token: str) -> str:
    """Return the address that a sign-in link has below the address of the pages."""
    return f"{base.rstrip('/')}/sign-in/link?token={token}"


def user_of_link(session: Session, token: str) -> User | None:
    """Return whom a link would sign in; None where it was used or has expired."""
    found = queries.link(session, _hash(token))
    return None if found is None else found[1]


def use_link(session: Session, token: str) -> User | None:
    """Use a link up, with all others of its user, and return whom it signs in."""
    user = user_of_link(session, token)
    if user is not None:
        queries.end_links(session, user.id)
    return user


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
