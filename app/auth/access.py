"""Who may call an operation: `Depends(Require("reader"))`. Without a key or session 401, with too low a role 403."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.orm import Session
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from app.access_log import service as access_log
from app.auth import queries, service
from app.auth.service import Role, allows, hash_key
from app.auth.sessions import csrf
from app.auth.sessions.cookies import Cookies
from app.auth.sessions.queries import active_session
from app.auth.sessions.service import idle_time, note_seen
from app.auth.sessions.tables import UserSession
from app.auth.tables import ApiKey, User
from app.kit.database import TRANSIENT, Database, SessionDep, before_commit
from app.kit.declared import content_type, dependencies_of, has_body
from app.kit.problems import Problem, problem_response, unavailable
from app.settings import Settings

OPEN_BYTES = 16_384
"""An operation that needs no key reads a form of this length at most."""
HELD_BYTES = 1024 * 1024
"""Bodies up to this size are held in memory while they are read; larger ones are written to the disk."""

_bearer = HTTPBearer(auto_error=False, description="An API key: `Authorization: Bearer ovr_…`")


class Asking(NamedTuple):
    """Who asks, as a page says it; a row would be lost with a transaction that is rolled back."""

    name: str
    role: str


class SignedIn(NamedTuple):
    """Who asks: by a key, or by a session, whose CSRF token its pages carry."""

    user: User
    key: ApiKey | None = None
    session: UserSession | None = None
    csrf_token: str = ""


@dataclass(frozen=True)
class Doors:
    """What a request shows to be let in: an API key, else a session's cookie."""

    cookies: Cookies
    settings: Settings

    def check(
        self,
        session: Session,
        request: Request,
        key: str | None,
        given_token: str | None,
        *,
        form_is_unread: bool = False,
    ) -> SignedIn:
        """Return who asks; a 401 without a valid key or cookie, a 403 for a cookie that another site made use of.

        A page's form may hold the CSRF token: while it is unread, a missing one is not yet refused.
        """
        if key is not None:
            return self._by_key(session, key)
        token = self.cookies.read(request)
        found = active_session(session, token.sha256, idle_time(self.settings)) if token is not None else None
        if token is None or found is None:
            raise _nobody()
        row, user = found
        request.state.user_id = user.id
        csrf.check_origin(request, self.settings)
        if given_token is not None or not form_is_unread or request.url.path.startswith("/v1/"):
            csrf.check_token(request, token, given_token)
        note_seen(session, row)
        return SignedIn(user, session=row, csrf_token=token.csrf)

    def _by_key(self, session: Session, key: str) -> SignedIn:
        found = queries.active_key(session, hash_key(key))
        if found is None:
            raise _nobody()
        service.note_use(session, found[0])
        return SignedIn(found[1], key=found[0])


def authenticate(
    *,
    request: Request,
    response: Response,
    session: SessionDep,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    given_token: csrf.GivenToken,
) -> User:
    """Return who asks. What the user is shown is recorded with the commit, which precedes the response."""
    doors = Doors(request.app.state.cookies, request.app.state.settings)
    who = doors.check(session, request, credentials.credentials if credentials else None, given_token)
    user_id = request.state.user_id = who.user.id  # for the log's line and the access log
    request.state.signed_in = who
    request.state.user = Asking(who.user.name, who.user.role)  # for pages, also those of problems
    access_log.refuse_blind_reader(session, request, user_id)

    def record(ending: Session) -> None:
        access_log.record(ending, request, response, user_id)

    before_commit(session, record)
    return who.user


def csrf_token(request: Request) -> str:
    """Return the token that unsafe requests of this request's session must send; empty where there is no session."""
    who: SignedIn | None = getattr(request.state, "signed_in", None)
    return who.csrf_token if who is not None else ""


UserDep = Annotated[User, Depends(authenticate)]


async def _signed_in(request: Request, _: UserDep) -> SignedIn:
    who: SignedIn = request.state.signed_in
    return who


SignedInDep = Annotated[SignedIn, Depends(_signed_in)]


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

    FastAPI reads a body before any dependency runs. An operation that needs no key reads a short form at most. The key
    of a small body is only looked at: `authenticate` checks it. Of a body over `HELD_BYTES`, or of unknown length, key
    and role are checked here, because it would be written to the disk; of a form with files, because a waveform is
    stored before the request has a connection. The database is asked in a transaction of its own.
    """

    def __init__(self, app: ASGIApp, database: Database, doors: Doors, routers: Sequence[APIRouter]) -> None:
        self.app = app
        self._database = database
        self._doors = doors
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
        key = credentials.credentials if credentials else None
        length = _announced(request)
        is_form = content_type(request) == "multipart/form-data"
        if key is None and self._doors.cookies.read(request) is None:
            route = self._route(request)
            if route is None or _roles(route) or is_form or length is None or length > OPEN_BYTES:
                raise _nobody()
            return
        if length is not None and length <= HELD_BYTES and not is_form:
            return
        given_token = request.headers.get(csrf.HEADER)
        try:
            who = await self._database.run(
                lambda session: self._doors.check(session, request, key, given_token, form_is_unread=True)
            )
        except TRANSIENT as error:
            raise unavailable() from error
        route = self._route(request)
        if route is not None:
            request.state.user_id = who.user.id  # for the log's line and the access log, as `authenticate` does
            request.scope["route"] = route
            for needed in _roles(route):
                needed.check(who.user)

    def _route(self, request: Request) -> APIRoute | None:
        return next((each for each in self._routes if each.matches(request.scope)[0] is Match.FULL), None)


def _roles(route: APIRoute) -> list[Require]:
    return [each.call for each in dependencies_of(route) if isinstance(each.call, Require)]


def _announced(request: Request) -> int | None:
    length = request.headers.get("content-length", "")
    return int(length) if length.isdecimal() else None


def _nobody() -> Problem:
    return Problem(
        401,
        "unauthorized",
        "Send a valid API key as `Authorization: Bearer …`, or sign in.",
        headers={"WWW-Authenticate": "Bearer"},
    )


ViewerUser = Annotated[User, Depends(Require("viewer"))]
ReaderUser = Annotated[User, Depends(Require("reader"))]
ResearcherUser = Annotated[User, Depends(Require("researcher"))]
AdminUser = Annotated[User, Depends(Require("admin"))]
