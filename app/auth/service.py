"""Keys and users: making, hashing, revoking; each change audited."""

import hashlib
import secrets
import uuid
from datetime import UTC, datetime
from typing import Literal, get_args

from pydantic import SecretStr, TypeAdapter, ValidationError
from sqlalchemy.orm import Session

from app.auth import queries
from app.auth.schemas import UserName
from app.auth.tables import ApiKey, User
from app.kit import audit
from app.kit.problems import field_errors

Role = Literal["viewer", "reader", "researcher", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)  # weakest first: each may do what those before it may

_NAME: TypeAdapter[str] = TypeAdapter(UserName)


class AuthError(Exception):
    """A change of users or keys that cannot be made; the message says why."""


class InvalidName(AuthError):
    """What no user can be called; the message says why."""


def hash_key(key: str) -> bytes:
    """Hash a key. Keys are random and long, so one SHA-256 is enough: there is nothing to guess slowly."""
    return hashlib.sha256(key.encode()).digest()


def allows(role: str, needed: Role) -> bool:
    """Whether `role` includes `needed`."""
    return ROLES.index(role) >= ROLES.index(needed)


def create_user(session: Session, actor: str, name: str, role: Role) -> User:
    """Make a user; `InvalidName` when nobody can be called so, `AuthError` when the name is taken."""
    try:
        name = _NAME.validate_python(name)
    except ValidationError as error:
        raise InvalidName(f"the user's name: {field_errors(error.errors())[0].reason}") from error
    if queries.user_by_name(session, name) is not None:
        raise AuthError(f"there is already a user {name!r}")
    user = User(name=name, role=role)
    session.add(user)
    session.flush()
    audit.record(session, actor, "create", "user", user.id, after={"name": name, "role": role})
    return user


def set_role(session: Session, actor: str, name: str, role: Role) -> User:
    """Change a user's role."""
    user = _user(session, name)
    audit.record(session, actor, "update", "user", user.id, {"role": user.role}, {"role": role})
    user.role = role
    return user


def disable_user(session: Session, actor: str, name: str) -> User:
    """Close every key of a user at once."""
    user = _user(session, name)
    if user.disabled_at is None:
        user.disabled_at = datetime.now(UTC)
        audit.record(session, actor, "disable", "user", user.id, {"disabled": False}, {"disabled": True})
    return user


def issue_key(session: Session, actor: str, name: str) -> str:
    """Make a key for a user and return it: the only time anyone sees it."""
    key = "ovr_" + secrets.token_urlsafe(32)
    _store_key(session, actor, _user(session, name), key, "issued")
    return key


def revoke_key(session: Session, actor: str, key_id: uuid.UUID) -> None:
    """Close a key for good."""
    key = queries.key(session, key_id)
    if key is None:
        raise AuthError("there is no such key")
    _revoke(session, actor, key)


def ensure_admin(session: Session, given: SecretStr | None) -> str | None:
    """Make sure an admin can get in; return a newly made key, to be shown once.

    A key given by the environment replaces the one the environment gave before; a revoked key stays revoked.
    """
    queries.lock_bootstrap(session)
    if given is not None:
        key = given.get_secret_value()
        if queries.key_by_hash(session, hash_key(key)) is None:
            for old in queries.environment_keys(session):
                _revoke(session, "environment", old)
            session.flush()
            _store_key(session, "environment", _first_admin(session, "environment"), key, "environment")
        return None
    if queries.active_admin_keys(session) > 0:
        return None
    return issue_key(session, "setup", _first_admin(session, "setup").name)


def _first_admin(session: Session, actor: str) -> User:
    user = queries.user_by_name(session, "admin")
    return create_user(session, actor, "admin", "admin") if user is None else user


def _user(session: Session, name: str) -> User:
    user = queries.user_by_name(session, name)
    if user is None:
        raise AuthError(f"there is no user {name!r}")
    return user


def _store_key(session: Session, actor: str, user: User, key: str, source: str) -> None:
    row = ApiKey(user_id=user.id, sha256=hash_key(key), hint=key[:8] if source == "issued" else "", source=source)
    session.add(row)
    session.flush()
    audit.record(session, actor, "create", "api_key", row.id, after={"user": user.name, "source": source})


def _revoke(session: Session, actor: str, key: ApiKey) -> None:
    if key.revoked_at is None:
        key.revoked_at = datetime.now(UTC)
        audit.record(session, actor, "revoke", "api_key", key.id, {"revoked": False}, {"revoked": True})
