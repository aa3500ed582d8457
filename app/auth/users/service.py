"""Users, keys and sessions for the API and the pages: who may see and change which."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from fastapi import Request

from app.auth import queries, service
from app.auth.access import Require, SignedInDep
from app.auth.service import AuthError
from app.auth.sessions import queries as sessions
from app.auth.sessions.service import LINK_LASTS, end_session, end_sessions, idle_time, link_address
from app.auth.tables import ApiKey, User
from app.auth.users.schemas import (
    KeyList,
    KeyOut,
    LinkOut,
    MadeKey,
    SessionList,
    SessionOut,
    UserChange,
    UserIn,
    UserList,
    UserOut,
)
from app.kit.database import SessionDep
from app.kit.problems import Problem, invalid, not_found
from app.kit.state import SettingsDep, made_by
from app.kit.times import written

MOST_KEYS = 100
"""Accepted keys that a user may have when another one is made."""
SHOWN_KEYS = 500

Result = TypeVar("Result")


@dataclass(frozen=True)
class Users:
    """What the one who asks may see and change: their own keys and sessions, and as admin everybody's."""

    session: SessionDep
    who: SignedInDep
    settings: SettingsDep

    def all(self) -> UserList:
        """Return every user."""
        keys = queries.keys_by_user(self.session)
        open_sessions = sessions.sessions_by_user(self.session, idle_time(self.settings))
        seen = queries.last_seen(self.session)
        return UserList(
            items=[
                UserOut(
                    id=user.id,
                    name=user.name,
                    role=_role(user),
                    disabled=user.disabled_at is not None,
                    has_password=user.password is not None,
                    keys=keys.get(user.id, 0),
                    sessions=open_sessions.get(user.id, 0),
                    last_seen_at=seen.get(user.id),
                    created_at=user.created_at,
                )
                for user in queries.users(self.session)
            ]
        )

    def one(self, user_id: uuid.UUID) -> UserOut:
        """Return a user; a 404 where there is none."""
        found = next((user for user in self.all().items if user.id == user_id), None)
        if found is None:
            raise not_found("user")
        return found

    def add(self, given: UserIn) -> UserOut:
        """Make a user; a 409 where the name is taken."""
        made = _checked(lambda: service.create_user(self.session, self._actor, given.name, given.role))
        return self.one(made.id)

    def change(self, user_id: uuid.UUID, given: UserChange) -> UserOut:
        """Change a user's role, or whether the user is disabled; a 409 for the last admin."""
        name = self._user(user_id).name
        if given.role is not None:
            role = given.role
            _checked(lambda: service.set_role(self.session, self._actor, name, role))
        if given.disabled is not None:
            switch = service.disable_user if given.disabled else service.enable_user
            _checked(lambda: switch(self.session, self._actor, name))
        self.session.flush()
        return self.one(user_id)

    def link(self, request: Request, user_id: uuid.UUID) -> LinkOut:
        """Return a new sign-in link of a user; a 409 where the user is disabled."""
        name = self._user(user_id).name
        token = _checked(lambda: service.sign_in_link(self.session, self._actor, name))
        base = self.settings.public_url or str(request.base_url)
        return LinkOut(address=link_address(base, token), expires_at=datetime.now(UTC) + LINK_LASTS)

    def keys(self, user_id: uuid.UUID | None) -> KeyList:
        """Return a user's keys; one's own where no user is named."""
        user = self._seen(user_id)
        return KeyList(items=[_key_out(key) for key in queries.newest_keys(self.session, user.id, SHOWN_KEYS)])

    def make_key(self, expires_at: datetime | None) -> MadeKey:
        """Make a key for the one who asks."""
        ends = self.who.key.expires_at if self.who.key is not None else None
        if ends is not None and (expires_at is None or expires_at > ends):
            raise invalid("expires_at", f"must not be after {written(ends)}, when your key ends")
        if expires_at is not None and expires_at <= datetime.now(UTC):
            raise invalid("expires_at", "is in the past")
        if queries.keys_by_user(self.session).get(self.who.user.id, 0) >= MOST_KEYS:
            raise Problem(409, "too_many_keys", f"You have {MOST_KEYS} keys: revoke one first.")
        key = _checked(lambda: service.issue_key(self.session, self._actor, self._actor, expires_at))
        row = queries.key_by_hash(self.session, service.hash_key(key))
        assert row is not None
        return MadeKey(**_key_out(row).model_dump(), key=key)

    def revoke_key(self, key_id: uuid.UUID) -> None:
        """End a key, one's own or as admin anybody's; a 404 where there is none."""
        key = queries.key(self.session, key_id)
        if key is None or not self._may_see(key.user_id):
            raise not_found("key")
        service.revoke_key(self.session, self._actor, key_id)

    def sessions(self, user_id: uuid.UUID | None) -> SessionList:
        """Return a user's sessions; one's own where no user is named."""
        user = self._seen(user_id)
        current = self.who.session.id if self.who.session is not None else None
        return SessionList(
            items=[
                SessionOut.model_validate(
                    {**{name: getattr(row, name) for name in _SESSION}, "current": row.id == current}
                )
                for row in sessions.sessions_of(self.session, user.id, idle_time(self.settings))
            ]
        )

    def end_session(self, session_id: uuid.UUID) -> None:
        """End a session, one's own or as admin anybody's; a 404 where there is none."""
        found = sessions.any_session(self.session, session_id)
        if found is None or not self._may_see(found[1].id):
            raise not_found("session")
        end_session(self.session, self._actor, found[0])

    def end_sessions(self, user_id: uuid.UUID | None) -> None:
        """End a user's sessions and unused links, but for the session that asks."""
        current = self.who.session.id if self.who.session is not None else None
        end_sessions(self.session, self._actor, self._seen(user_id), but=current)

    @property
    def _actor(self) -> str:
        return self.who.user.name

    def _may_see(self, user_id: uuid.UUID) -> bool:
        return user_id == self.who.user.id or service.allows(self.who.user.role, "admin")

    def _seen(self, user_id: uuid.UUID | None) -> User:
        if user_id is None or user_id == self.who.user.id:
            return self.who.user
        Require("admin").check(self.who.user)
        return self._user(user_id)

    def _user(self, user_id: uuid.UUID) -> User:
        user = queries.user(self.session, user_id)
        if user is None:
            raise not_found("user")
        return user


UsersDep = Annotated[Users, made_by(Users)]

_SESSION = [name for name in SessionOut.model_fields if name != "current"]


def _checked(change: Callable[[], Result]) -> Result:
    """Return what a change returns; a 409 where it cannot be made."""
    try:
        return change()
    except AuthError as error:
        raise Problem(409, "conflict", f"{str(error)[:1].upper()}{str(error)[1:]}.") from error


def _role(user: User) -> service.Role:
    return next(role for role in service.ROLES if role == user.role)


def _key_out(key: ApiKey) -> KeyOut:
    return KeyOut(
        id=key.id,
        hint=key.hint,
        source=key.source,
        state=service.state_of(key).partition(" ")[0],
        created_at=key.created_at,
        expires_at=key.expires_at,
        last_used_at=key.last_used_at,
    )
