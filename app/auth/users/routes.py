"""Users, keys and sessions over HTTP."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from app.auth.access import AdminUser, ViewerUser
from app.auth.users.schemas import (
    KeyIn,
    KeyList,
    LinkOut,
    MadeKey,
    SessionList,
    UserChange,
    UserIn,
    UserList,
    UserOut,
)
from app.auth.users.service import UsersDep
from app.kit.problems import responses

router = APIRouter(prefix="/v1", tags=["access"])

OfUser = Annotated[uuid.UUID | None, Query(description="Whose, for admins; your own without.")]


@router.get("/users", responses=responses(422))
def list_users(users: UsersDep, user: AdminUser) -> UserList:
    """List every user, by name."""
    return users.all()


@router.post("/users", status_code=201, responses=responses(409, 422))
def add_user(given: UserIn, users: UsersDep, user: AdminUser) -> UserOut:
    """Make a user, who has neither password nor key yet: make a sign-in link next."""
    return users.add(given)


@router.patch("/users/{user_id}", responses=responses(404, 409, 422))
def change_user(user_id: uuid.UUID, given: UserChange, users: UsersDep, user: AdminUser) -> UserOut:
    """Change a user's role, or disable or enable the user.

    Of a disabled user keys, password and sessions are refused. The last admin stays one.
    """
    return users.change(user_id, given)


@router.post("/users/{user_id}/sign-in-link", status_code=201, responses=responses(404, 409, 422))
def make_sign_in_link(user_id: uuid.UUID, request: Request, users: UsersDep, user: AdminUser) -> LinkOut:
    """Make a link that signs a user in once, within 15 minutes: for a first visit or a forgotten password."""
    return users.link(request, user_id)


@router.get("/keys", responses=responses(404, 422))
def list_keys(users: UsersDep, user: ViewerUser, user_id: OfUser = None) -> KeyList:
    """List a user's keys, newest first. No key itself is shown: only its hash is stored."""
    return users.keys(user_id)


@router.post("/keys", status_code=201, responses=responses(409, 422))
def make_key(given: KeyIn, users: UsersDep, user: ViewerUser) -> MadeKey:
    """Make a key of your own. It is shown once."""
    return users.make_key(given.expires_at)


@router.delete("/keys/{key_id}", status_code=204, response_class=Response, responses=responses(404, 422))
def revoke_key(key_id: uuid.UUID, users: UsersDep, user: ViewerUser) -> None:
    """End a key of yours for good; an admin may end anybody's."""
    users.revoke_key(key_id)


@router.get("/sessions", responses=responses(404, 422))
def list_sessions(users: UsersDep, user: ViewerUser, user_id: OfUser = None) -> SessionList:
    """List the browsers in which a user is signed in, the last seen first."""
    return users.sessions(user_id)


@router.delete("/sessions", status_code=204, response_class=Response, responses=responses(404, 422))
def end_sessions(users: UsersDep, user: ViewerUser, user_id: OfUser = None) -> None:
    """End a user's sessions and unused sign-in links, but for the session that asks."""
    users.end_sessions(user_id)


@router.delete("/sessions/{session_id}", status_code=204, response_class=Response, responses=responses(404, 422))
def end_session(session_id: uuid.UUID, users: UsersDep, user: ViewerUser) -> None:
    """End a session of yours; an admin may end anybody's."""
    users.end_session(session_id)
