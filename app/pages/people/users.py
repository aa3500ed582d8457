"""Users, for admins: who there is, roles, links, keys and sessions."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from app.auth.access import AdminUser
from app.auth.schemas import UserName
from app.auth.service import ROLES, Role
from app.auth.users.schemas import LinkOut, UserChange, UserIn
from app.auth.users.service import UsersDep
from app.pages.shell import PagesDep, go_to

router = APIRouter(prefix="/people", include_in_schema=False)


@router.get("")
def show_people(request: Request, users: UsersDep, pages: PagesDep, user: AdminUser) -> Response:
    """Show every user."""
    return pages.answer(request, "people/people.html", user=user, title="People", people=users.all().items, roles=ROLES)


@router.post("")
def add_person(
    request: Request,
    users: UsersDep,
    pages: PagesDep,
    user: AdminUser,
    name: Annotated[UserName, Form()],
    role: Annotated[Role, Form()],
) -> Response:
    """Add a user, and show the link for the first visit."""
    made = users.add(UserIn(name=name, role=role))
    return _person(request, users, pages, user, user_id=made.id, link=users.link(request, made.id))


@router.get("/{user_id}")
def show_person(request: Request, user_id: uuid.UUID, users: UsersDep, pages: PagesDep, user: AdminUser) -> Response:
    """Show a user's keys and sessions."""
    return _person(request, users, pages, user, user_id=user_id)


@router.post("/{user_id}")
def change_person(
    request: Request,
    user_id: uuid.UUID,
    users: UsersDep,
    user: AdminUser,
    role: Annotated[Role | None, Form()] = None,
    disabled: Annotated[bool | None, Form()] = None,
) -> Response:
    """Change a user's role, or disable or enable the user."""
    users.change(user_id, UserChange(role=role, disabled=disabled))
    return go_to(request, f"/people/{user_id}")


@router.post("/{user_id}/link")
def make_persons_link(
    request: Request, user_id: uuid.UUID, users: UsersDep, pages: PagesDep, user: AdminUser
) -> Response:
    """Make a sign-in link of a user, and show it once."""
    return _person(request, users, pages, user, user_id=user_id, link=users.link(request, user_id))


@router.post("/{user_id}/keys/{key_id}/revoke")
def revoke_persons_key(
    request: Request, user_id: uuid.UUID, key_id: uuid.UUID, users: UsersDep, user: AdminUser
) -> Response:
    """Revoke a user's key."""
    users.revoke_key(key_id)
    return go_to(request, f"/people/{user_id}")


@router.post("/{user_id}/sessions/end")
def end_persons_sessions(request: Request, user_id: uuid.UUID, users: UsersDep, user: AdminUser) -> Response:
    """End all sessions of a user."""
    users.end_sessions(user_id)
    return go_to(request, f"/people/{user_id}")


@router.post("/{user_id}/sessions/{session_id}/end")
def end_persons_session(
    request: Request, user_id: uuid.UUID, session_id: uuid.UUID, users: UsersDep, user: AdminUser
) -> Response:
    """End a session of a user."""
    users.end_session(session_id)
    return go_to(request, f"/people/{user_id}")


def _person(
    request: Request,
    users: UsersDep,
    pages: PagesDep,
    user: AdminUser,
    *,
    user_id: uuid.UUID,
    link: LinkOut | None = None,
) -> Response:
    person = users.one(user_id)
    return pages.answer(
        request,
        "people/person.html",
        user=user,
        title=person.name,
        person=person,
        roles=ROLES,
        keys=users.keys(user_id).items,
        sessions=users.sessions(user_id).items,
        link=link,
    )
