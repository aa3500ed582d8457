"""`user` and `key`: who may do what."""

import sys
import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from app.commands.shared import open_database, open_session, show

if TYPE_CHECKING:
    from app.auth.service import Role

users = typer.Typer(help="Users and their roles.", no_args_is_help=True)
keys = typer.Typer(help="API keys.", no_args_is_help=True)

Expires = Annotated[
    str | None, typer.Option(help="When the key ends, as 2027-01-31 or 2027-01-31T18:00Z (UTC); never when absent.")
]


@users.command("add")
def add_user(
    name: str,
    role: Annotated[str, typer.Option(help="viewer, reader, researcher or admin")],
    expires: Expires = None,
) -> None:
    """Make a user and print a key, once."""
    from app.auth import service

    expires_at = _time(expires)
    with open_session() as session:
        user = service.create_user(session, "command line", name, _role(role))
        show(service.issue_key(session, "command line", user.name, expires_at))


@users.command("role")
def change_role(name: str, role: str) -> None:
    """Change a user's role."""
    from app.auth import service

    with open_session() as session:
        service.set_role(session, "command line", name, _role(role))


@users.command("disable")
def disable_user(name: str) -> None:
    """Refuse all of a user's keys from now on."""
    from app.auth import service

    with open_session() as session:
        service.disable_user(session, "command line", name)


@users.command("enable")
def enable_user(name: str) -> None:
    """Accept a disabled user's keys again."""
    from app.auth import service

    with open_session() as session:
        service.enable_user(session, "command line", name)


@users.command("password")
def set_password(name: str) -> None:
    """Set a user's password, asked for at the terminal or read from standard input; all sessions of the user end."""
    from app.auth import service
    from app.auth.passwords.hashing import Passwords
    from app.auth.passwords.rules import check_password
    from app.auth.sessions.signing_in import store_password

    if sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    with open_session() as session:
        user = service.user_of(session, name)
        check_password(password, user.name)
        store_password(session, "command line", user, Passwords().hash(password))


@users.command("link")
def make_link(
    name: str,
    at: Annotated[
        str | None, typer.Option(help="Where people reach the pages; without it OVERREAD_PUBLIC_URL, or this machine.")
    ] = None,
) -> None:
    """Print a link that signs a user in once, within 15 minutes: for a first visit or a forgotten password."""
    from app.auth import service
    from app.auth.sessions.service import link_address

    with open_database() as (database, settings), database.begin() as session:
        token = service.sign_in_link(session, "command line", name)
        show(link_address(at or settings.public_url or "http://127.0.0.1:8000", token))


@users.command("list")
def list_users() -> None:
    """List users and their keys: id, state and last use (UTC), never the key."""
    from app.auth import queries, service

    with open_session() as session:
        for user in queries.users(session):
            show(f"{user.name}\t{user.role}\t{'disabled' if user.disabled_at else 'enabled'}")
            for key in queries.keys_of(session, user.id):
                used = f"last used {key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never used"
                show(f"\t{key.id}\t{key.hint}…\t{service.state_of(key)}\t{used}")


@keys.command("issue")
def issue_key(user: str, expires: Expires = None) -> None:
    """Make another key for a user and print it, once."""
    from app.auth import service

    expires_at = _time(expires)
    with open_session() as session:
        show(service.issue_key(session, "command line", user, expires_at))


@keys.command("revoke")
def revoke_key(key_id: uuid.UUID) -> None:
    """End a key for good."""
    from app.auth import service

    with open_session() as session:
        service.revoke_key(session, "command line", key_id)


def _role(given: str) -> "Role":
    from app.auth.service import ROLES

    for role in ROLES:
        if role == given:
            return role
    raise typer.BadParameter(f"must be one of {', '.join(ROLES)}", param_hint="role")


def _time(given: str | None) -> datetime | None:
    from app.kit.times import Time

    if given is None:
        return None
    try:
        return TypeAdapter(Time).validate_python(given)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise typer.BadParameter(reason, param_hint="--expires") from error
