"""One's own account: password, keys, sessions."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Query, Request, Response

from app.auth.access import SignedInDep, ViewerUser
from app.auth.passwords.rules import LONGEST, SHORTEST, WeakPassword
from app.auth.sessions.signing_in import SigningInDep, TooManyTries, WrongPassword, needs_current
from app.auth.users.schemas import MadeKey
from app.auth.users.service import Users, UsersDep
from app.kit.deferred import Deferred
from app.kit.problems import Problem
from app.pages.people.sign_in import in_words, signed_in
from app.pages.shell import PagesDep, go_to

router = APIRouter(prefix="/account", include_in_schema=False)

ACCOUNT = "/account"
LASTING = {"30": "30 days", "90": "90 days", "365": "a year", "": "until it is revoked"}


@router.get("")
def show_account(
    request: Request,
    users: UsersDep,
    pages: PagesDep,
    user: ViewerUser,
    done: Annotated[Literal["password"] | None, Query()] = None,
) -> Response:
    """Show the user's password, keys and sessions."""
    return pages.answer(request, "people/account.html", user=user, **context_of(users, done=done))


@router.post("/password")
def set_password(
    request: Request,
    who: SignedInDep,
    users: UsersDep,
    signing_in: SigningInDep,
    pages: PagesDep,
    user: ViewerUser,
    current: Annotated[str, Form(max_length=1000)] = "",
    password: Annotated[str, Form(max_length=1000)] = "",
    again: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """Set the user's password. All other sessions of the user end."""
    if who.session is None:
        raise Problem(403, "forbidden", "An API key sets no password: sign in for that.")
    context = context_of(users)  # now, while there is a connection

    @asynccontextmanager
    async def change() -> AsyncIterator[Response]:
        status, fault = 422, "The two new passwords are not the same."
        if password == again:
            try:
                opened = await signing_in.set_password(request, who, current, password)
            except WeakPassword as error:
                fault = f"{str(error)[:1].upper()}{str(error)[1:]}."
            except WrongPassword:
                status, fault = 403, "The current password is wrong."
            except TooManyTries as error:
                status, fault = 429, f"Too many tries. Try again in {in_words(error.seconds)}."
            else:
                yield signed_in(request, signing_in, opened, f"{ACCOUNT}?done=password")
                return
        yield pages.answer(
            request, "people/account.html", user=user, status=status, **{**context, "password_fault": fault}
        )

    return Deferred(change)


@router.post("/keys")
def make_own_key(
    request: Request,
    users: UsersDep,
    pages: PagesDep,
    user: ViewerUser,
    days: Annotated[str, Form(max_length=4)] = "",
) -> Response:
    """Make an API key, and show it once."""
    if days not in LASTING:
        raise Problem(422, "invalid_request", "Choose how long the key is to last.")
    made = users.make_key(datetime.now(UTC) + timedelta(days=int(days)) if days else None)
    return pages.answer(request, "people/account.html", user=user, **context_of(users, made=made))


@router.post("/keys/{key_id}/revoke")
def revoke_own_key(request: Request, key_id: uuid.UUID, users: UsersDep, user: ViewerUser) -> Response:
    """Revoke an API key."""
    users.revoke_key(key_id)
    return go_to(request, ACCOUNT)


@router.post("/sessions/end")
def end_other_sessions(request: Request, users: UsersDep, user: ViewerUser) -> Response:
    """End all sessions but this one."""
    users.end_sessions(None)
    return go_to(request, ACCOUNT)


@router.post("/sessions/{session_id}/end")
def end_own_session(request: Request, session_id: uuid.UUID, users: UsersDep, user: ViewerUser) -> Response:
    """End a session."""
    users.end_session(session_id)
    return go_to(request, ACCOUNT)


def context_of(users: Users, *, made: MadeKey | None = None, done: str | None = None) -> dict[str, Any]:
    """Return what the account's page shows."""
    return {
        "title": "Your account",
        "keys": users.keys(None).items,
        "sessions": users.sessions(None).items,
        "made": made,
        "done": done,
        "has_session": users.who.session is not None,
        "needs_current": needs_current(users.who),
        "lasting": list(LASTING.items()),
        "shortest": SHORTEST,
        "longest": LONGEST,
        "password_fault": None,
    }
