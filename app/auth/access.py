"""Who may call an operation: `Depends(Require("reader"))`. Without a valid key 401, with too low a role 403."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import event
from sqlalchemy.orm import Session
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from app.access_log import service as access_log
from app.auth import queries, service
from app.auth.service import Role, allows, hash_key
from app.auth.tables import User
from app.kit.database import TRANSIENT, Database, SessionDep
from app.kit.declared import content_type, dependencies_of, has_body
from app.kit.problems import Problem, problem_response, unavailable

HELD_BYTES = 1024 * 1024
"""Bodies up to this size are held in memory while they are read; larger ones are written to the disk."""

_bearer = HTTPBearer(auto_error=False, description="An API key: `Authorization: Bearer ovr_…`")


def authenticate(
    request: Request,
    response: Response,
    session: SessionDep,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> User:
    """Return whose key it is. What the user is shown is recorded with the commit, which precedes the response."""
    found = queries.active_key(session, hash_key(credentials.credentials)) if credentials else None
    if found is None:
        raise _no_key()
    key, user = found
    service.note_use(session, key)
    request.state.user_id = user.id  # for the log's line and the access log
    request.state.user = user  # for the page of a problem

    def record(ending: Session) -> None:
        access_log.record(ending, request, response, user.id)

    event.listen(session, "before_commit", record, once=True)
    return user


UserDep = Annotated[User, Depends(authenticate)]


@dataclass(frozen=True)
class Require:
    """The dependency that admits `role` and the roles above it."""

    role: Role

    async def __call__(self, user: UserDep) -> User:
        """Return the user, or raise the 403 of too low a role."""
        self.check(user)
        return user

    def check(self, user: User) -> None:
        """Raise the 403 of too low a role."""
        if not allows(user.role, self.role):
            raise Problem(403, "forbidden", f"This needs the role {self.role}; yours is {user.role}.")


class KeyBeforeBody:
    """Refuse, before the body is read, a request that may not be answered anyway: 401 and 403.

    FastAPI reads a body before any dependency runs. No operation that needs no key reads a body. The key of a small
    body is only looked at: `authenticate` checks it. Of a body over `HELD_BYTES`, or of unknown length, key and role
    are checked here, because it would be written to the disk; of a form with files, because a waveform is stored before
    the request has a connection. The database is asked in a transaction of its own.
    """

    def __init__(self, app: ASGIApp, database: Database, routers: Sequence[APIRouter]) -> None:
        self.app = app
        self._database = database
        self._routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] == "http" and has_body(request := Request(scope)):
            try:
                await self._check(request)
            except Problem as problem:
                await problem_response(request, problem)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    async def _check(self, request: Request) -> None:
        credentials = await _bearer(request)
        if credentials is None:
            raise _no_key()
        length = request.headers.get("content-length", "")
        is_small = length.isdecimal() and int(length) <= HELD_BYTES
        if is_small and content_type(request) != "multipart/form-data":
            return
        sha256 = hash_key(credentials.credentials)
        try:
            found = await self._database.run(lambda session: queries.active_key(session, sha256))
        except TRANSIENT as error:
            raise unavailable() from error
        if found is None:
            raise _no_key()
        user = found[1]
        route = next((each for each in self._routes if each.matches(request.scope)[0] is Match.FULL), None)
        if route is not None:
            request.state.user_id = user.id  # for the log's line and the access log, as `authenticate` does
            request.scope["route"] = route
            for needed in (each.call for each in dependencies_of(route) if isinstance(each.call, Require)):
                needed.check(user)


def csrf_token(request: Request) -> str:
    """Return the token that unsafe requests of this request's session must send; empty where there is no session."""
    return getattr(request.state, "csrf_token", "")


def _no_key() -> Problem:
    return Problem(
        401,
        "unauthorized",
        "Send a valid API key as `Authorization: Bearer …`.",
        headers={"WWW-Authenticate": "Bearer"},
    )


ViewerUser = Annotated[User, Depends(Require("viewer"))]
ReaderUser = Annotated[User, Depends(Require("reader"))]
ResearcherUser = Annotated[User, Depends(Require("researcher"))]
AdminUser = Annotated[User, Depends(Require("admin"))]
