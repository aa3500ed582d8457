"""Users and their keys: make, change, end; each change audited."""

import hashlib
import secrets
import uuid
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

import structlog
from pydantic import SecretStr, TypeAdapter, ValidationError
from sqlalchemy.orm import Session

from app.auth import queries
from app.auth.schemas import UserName
from app.auth.sessions.service import end_sessions, make_link
from app.auth.tables import ApiKey, User
from app.kit import audit
from app.kit.explained import Explained
from app.kit.problems import field_errors

Role = Literal["viewer", "reader", "researcher", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)  # weakest first: each may do what those before it may

LAST_USED_WITHIN = timedelta(minutes=1)
"""How exactly it is known when a key was last used: one write a minute, however often it is."""

_NAME: TypeAdapter[str] = TypeAdapter(UserName)

log = structlog.get_logger(__name__)


class AuthError(Explained):
    """A change of users or keys that cannot be made; the message says why and what to do."""


class InvalidName(AuthError):
    """A name that no user can have; the message says why."""

    status = 2


def hash_key(key: str) -> bytes:
    """Return a key's hash. Keys are long and random, so one SHA-256 is enough: they cannot be guessed."""
    return hashlib.sha256(key.encode()).digest()


def allows(role: str, needed: Role) -> bool:
    """Return whether `role` includes `needed`."""
    return ROLES.index(role) >= ROLES.index(needed)


def create_user(session: Session, actor: str, name: str, role: Role) -> User:
    """Make a user. Raise `InvalidName` for a name that no user can have, `AuthError` for one that is taken."""
    try:
        name = _NAME.validate_python(name)
    except ValidationError as error:
        raise InvalidName(f"the user's name: {field_errors(error.errors())[0].reason}") from error
    if queries.user_by_name(session, name) is not None:
        raise AuthError(f"there is already a user {name!r}")
    user = User(name=name, role=role)
    session.add(user)
    session.flush()
    audit.record(session, actor, "create", "user", resource_id=user.id, after={"name": name, "role": role})
    return user


def set_role(session: Session, actor: str, name: str, role: Role) -> User:
    """Change a user's role."""
    user = user_of(session, name)
    if user.role == role:
        return user
    if role != "admin":
        _check_not_last_admin(session, user)
    audit.record(
        session, actor, "update", "user", resource_id=user.id, before={"role": user.role}, after={"role": role}
    )
    user.role = role
    return user


def disable_user(session: Session, actor: str, name: str) -> User:
    """Refuse every key and password of a user from now on, and end the user's sessions."""
    user = user_of(session, name)
    if user.disabled_at is None:
        _check_not_last_admin(session, user)
        end_sessions(session, actor, user)
        user.disabled_at = datetime.now(UTC)
        audit.record(
            session, actor, "disable", "user", resource_id=user.id, before={"disabled": False}, after={"disabled": True}
        )
    return user


def enable_user(session: Session, actor: str, name: str) -> User:
    """Accept a disabled user's keys again; those that were revoked or have expired stay refused."""
    user = user_of(session, name)
    if user.disabled_at is not None:
        user.disabled_at = None
        audit.record(
            session, actor, "enable", "user", resource_id=user.id, before={"disabled": True}, after={"disabled": False}
        )
    return user


def issue_key(session: Session, actor: str, name: str, expires_at: datetime | None = None) -> str:
    """Make a key for a user and return it: the only time anyone sees it."""
    user = user_of(session, name)
    if user.disabled_at is not None:
        raise AuthError(f"the user {name!r} is disabled, so its keys are refused: run `overread user enable` first")
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise AuthError("--expires is in the past: the key would be refused from the start")
    key = "ovr_" + secrets.token_urlsafe(32)
    _store_key(session, actor, user, key, source="issued", expires_at=expires_at)
    return key


def state_of(key: ApiKey) -> str:
    """Return a key's state in words."""
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is None:
        return "active"
    ends = f"{key.expires_at.astimezone(UTC):%Y-%m-%d %H:%M}"
    return f"expired {ends}" if key.expires_at <= datetime.now(UTC) else f"active until {ends}"


def note_use(session: Session, key: ApiKey) -> None:
    """Set when a key was last used, to the minute."""
    before = datetime.now(UTC) - LAST_USED_WITHIN
    if key.last_used_at is None or key.last_used_at < before:
        queries.note_use(session, key.id, before)


def sign_in_link(session: Session, actor: str, name: str) -> str:
    """Return the token of a new link that signs a user in once: the only time anyone sees it."""
    user = user_of(session, name)
    if user.disabled_at is not None:
        raise AuthError(f"the user {name!r} is disabled: run `overread user enable` first")
    return make_link(session, actor, user)


def revoke_key(session: Session, actor: str, key_id: uuid.UUID) -> None:
    """End a key for good."""
    key = queries.key(session, key_id)
    if key is None:
        raise AuthError("there is no key with this id: `overread user list` shows them")
    _revoke(session, actor, key)


def ensure_admin(session: Session, given: SecretStr | None) -> str | None:
    """Make sure an admin can get in; return a newly made key, to be shown once.

    A key of the environment is accepted as long as the environment has it: another one, or none, ends it. A key that
    somebody revoked stays revoked.
    """
    queries.lock_bootstrap(session)
    sha256 = hash_key(given.get_secret_value()) if given is not None else None
    for old in queries.environment_keys(session):
        if old.sha256 != sha256:
            audit.record(session, "environment", "delete", "api_key", resource_id=old.id, before={"source": old.source})
            session.delete(old)
    session.flush()
    if given is not None:
        key = given.get_secret_value()
        if queries.key_by_hash(session, hash_key(key)) is None:
            _store_key(session, "environment", _an_admin(session, "environment"), key, source="environment")
        elif queries.active_key(session, hash_key(key)) is None:
            log.warning("environment_key_opens_nothing", what_to_do="set another OVERREAD_ADMIN_KEY")
        return None
    if queries.active_admin_keys(session) > 0:
        return None
    return issue_key(session, "setup", _an_admin(session, "setup").name)


def _an_admin(session: Session, actor: str) -> User:
    """Return an enabled admin: the first one, else the user `admin`, made or made so again."""
    found = queries.oldest_admin(session)
    if found is not None:
        return found
    user = queries.user_by_name(session, "admin")
    if user is None:
        return create_user(session, actor, "admin", "admin")
    set_role(session, actor, "admin", "admin")
    return enable_user(session, actor, "admin")


def _check_not_last_admin(session: Session, user: User) -> None:
    if user.role == "admin" and user.disabled_at is None and queries.other_admins(session, user) == 0:
        another = "`overread user add NAME --role admin`"
        raise AuthError(f"{user.name!r} is the last admin; make another one first, with {another}")


def user_of(session: Session, name: str) -> User:
    """Return a user, locked. Raise `AuthError` where there is none of this name."""
    user = queries.user_by_name(session, name)
    if user is None:
        raise AuthError(f"there is no user {name!r}: `overread user list` shows them")
    return user


def _store_key(
    session: Session, actor: str, user: User, key: str, *, source: str, expires_at: datetime | None = None
) -> None:
    hint = key[:8] if source == "issued" else ""
    row = ApiKey(user_id=user.id, sha256=hash_key(key), hint=hint, source=source, expires_at=expires_at)
    session.add(row)
    session.flush()
    after = {"user": user.name, "source": source, "expires_at": expires_at}
    audit.record(session, actor, "create", "api_key", resource_id=row.id, after=after)


def _revoke(session: Session, actor: str, key: ApiKey) -> None:
    if key.revoked_at is None:
        key.revoked_at = datetime.now(UTC)
        audit.record(
            session, actor, "revoke", "api_key", resource_id=key.id, before={"revoked": False}, after={"revoked": True}
        )
