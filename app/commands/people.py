"""`user` and `key`: who may do what."""

import uuid
from typing import Annotated

import typer

from app.commands.shared import open_session, show

users = typer.Typer(help="Users and their roles.", no_args_is_help=True)
keys = typer.Typer(help="API keys.", no_args_is_help=True)


@users.command("add")
def add_user(name: str, role: Annotated[str, typer.Option(help="viewer, reader, researcher or admin")]) -> None:
    """Make a user and print a key, once."""
    from app.auth import service

    with open_session() as session:
        user = service.create_user(session, "command line", name, _role(role))
        show(service.issue_key(session, "command line", user.name))


@users.command("role")
def change_role(name: str, role: str) -> None:
    """Change a user's role."""
    from app.auth import service

    with open_session() as session:
        service.set_role(session, "command line", name, _role(role))


@users.command("disable")
def disable_user(name: str) -> None:
    """Close all of a user's keys at once."""
    from app.auth import service

    with open_session() as session:
        service.disable_user(session, "command line", name)


@users.command("list")
def list_users() -> None:
    """List users and their keys' ids (never the keys)."""
    from app.auth import queries

    with open_session() as session:
        for user in queries.users(session):
            show(f"{user.name}\t{user.role}\t{'disabled' if user.disabled_at else 'enabled'}")
            for key in queries.keys_of(session, user.id):
                show(f"\t{key.id}\t{key.hint}…\t{'revoked' if key.revoked_at else 'active'}")


@keys.command("issue")
def issue_key(user: str) -> None:
    """Make another key for a user and print it, once."""
    from app.auth import service

    with open_session() as session:
        show(service.issue_key(session, "command line", user))


@keys.command("revoke")
def revoke_key(key_id: uuid.UUID) -> None:
    """Close a key for good."""
    from app.auth import service

    with open_session() as session:
        service.revoke_key(session, "command line", key_id)


def _role(given: str):  # type: ignore[no-untyped-def]
    from app.auth.service import ROLES

    if given not in ROLES:
        raise typer.BadParameter(f"must be one of {', '.join(ROLES)}", param_hint="role")
    return given
