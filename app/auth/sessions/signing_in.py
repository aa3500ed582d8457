"""Signing in and out, and setting a password: in short transactions, because hashing waits between them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, NamedTuple

from fastapi import Request
from sqlalchemy.orm import Session

from app.access_log.service import address_of
from app.auth import queries as users
from app.auth.access import SignedIn
from app.auth.passwords.hashing import PasswordsDep
from app.auth.passwords.rules import check_password
from app.auth.service import AuthError
from app.auth.sessions import queries, service
from app.auth.sessions.cookies import CookiesDep
from app.auth.sessions.service import Browser, OpenedBy
from app.auth.sessions.tries import Trier, count_try, take_back
from app.auth.tables import User
from app.kit import audit
from app.kit.database import DatabaseDep
from app.kit.state import SettingsDep, made_by

LINK_ALLOWS = timedelta(hours=1)
"""So long after a link was used, its session may set a password without the one before."""


class TooManyTries(Exception):
    """Somebody has to wait before the next try."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__()
        self.seconds = max(1, round(wait.total_seconds() + 0.5))


class WrongPassword(AuthError):
    """The password is not the user's, or there is no such user: nobody is told which."""


class Opened(NamedTuple):
    """A new session: whose it is, and the value of its cookie."""

    user: User
    cookie: str


@dataclass(frozen=True)
class SigningIn:
    """Opens sessions."""

    database: DatabaseDep
    passwords: PasswordsDep
    cookies: CookiesDep
    settings: SettingsDep

    async def by_password(self, request: Request, name: str, password: str) -> Opened:
        """Sign in with a name and a password. Raises `TooManyTries` and `WrongPassword`."""
        trier = self._trier(request, name)
        stored = await self._right_password(trier, name, password)
        new = None
        if self.passwords.is_outdated(stored):
            new = await self.passwords.in_turn(lambda: self.passwords.hash(password))

        def work(session: Session) -> Opened:
            user = users.user_by_name(session, name)
            if user is None or user.disabled_at is not None or user.password != stored:  # meanwhile
                raise WrongPassword
            user.password = new or stored
            take_back(session, trier)
            return self._open(session, request, user, "password")

        return await self.database.run(work)

    async def by_link(self, request: Request, token: str) -> Opened | None:
        """Use a sign-in link up, and sign its user in; None where it was used or has expired."""

        def work(session: Session) -> Opened | None:
            user = service.use_link(session, token)
            return None if user is None else self._open(session, request, user, "link")

        return await self.database.run(work)

    async def out(self, request: Request) -> None:
        """End the session of a request's cookie, if there is one."""
        token = self.cookies.read(request)
        if token is None:
            return
        sha256 = token.sha256

        def work(session: Session) -> None:
            found = queries.session_by_hash(session, sha256)
            if found is not None:
                service.end_session(session, found[1].name, found[0])

        await self.database.run(work)

    async def set_password(self, request: Request, who: SignedIn, current: str, password: str) -> Opened:
        """Set the password of a signed-in user, and end all their sessions but a new one for this browser.

        Raises `WeakPassword`, and `TooManyTries` and `WrongPassword` about the current one.
        """
        name = who.user.name
        check_password(password, name)
        trier = self._trier(request, name) if needs_current(who) else None
        if trier is not None:
            await self._right_password(trier, name, current)
        new = await self.passwords.in_turn(lambda: self.passwords.hash(password))

        def work(session: Session) -> Opened:
            user = users.user_by_name(session, name)
            if user is None or user.disabled_at is not None or user.password != who.user.password:  # meanwhile
                raise WrongPassword
            if trier is not None:
                take_back(session, trier)
            store_password(session, name, user, new)
            return self._open(session, request, user, "password")

        return await self.database.run(work)

    async def _right_password(self, trier: Trier, name: str, password: str) -> str:
        def look(session: Session) -> tuple[timedelta, str | None]:
            user = users.user_named(session, name)
            known = user.password if user is not None and user.disabled_at is None else None
            return count_try(session, trier), known

        wait, stored = await self.database.run(look)
        if wait:
            raise TooManyTries(wait)
        right = await self.passwords.in_turn(lambda: self.passwords.matches(stored, password))
        if stored is None or not right:
            raise WrongPassword
        return stored

    def _trier(self, request: Request, name: str) -> Trier:
        is_known = self.cookies.is_known(request, name)
        return Trier.of(self.cookies.tries_key, name, address_of(request.scope), is_known=is_known)

    def _open(self, session: Session, request: Request, user: User, by: OpenedBy) -> Opened:
        before = self.cookies.read(request)
        if before is not None and (found := queries.session_by_hash(session, before.sha256)) is not None:
            service.end_session(session, found[1].name, found[0])
        value, token = self.cookies.new()
        browser = Browser(address_of(request.scope), request.headers.get("user-agent", ""))
        service.open_session(session, user, token, opened_by=by, browser=browser, settings=self.settings)
        return Opened(user, value)


def needs_current(who: SignedIn) -> bool:
    """Return whether a user gives the current password to set another: not just after a sign-in link."""
    if who.user.password is None:
        return False
    by_link = who.session is not None and who.session.opened_by == "link"
    return not (by_link and who.session is not None and datetime.now(UTC) - who.session.created_at < LINK_ALLOWS)


def store_password(session: Session, actor: str, user: User, hashed: str) -> None:
    """Give a user a password, and end the user's sessions and links."""
    audit.record(session, actor, "set_password", "user", resource_id=user.id)
    user.password, user.password_set_at = hashed, datetime.now(UTC)
    service.end_sessions(session, actor, user)


SigningInDep = Annotated[SigningIn, made_by(SigningIn)]
