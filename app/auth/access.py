"""Who may call an operation: `Depends(require("reader"))`. Without a valid key 401, with too low a role 403."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Annotated

from fastapi import Depends, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.types import ASGIApp, Receive, Scope, Send

from app.access_log import service as access_log
from app.auth import queries, service
from app.auth.service import Role, allows, hash_key
from app.auth.tables import User
from app.kit.database import SessionDep
from app.kit.declared import has_body
from app.kit.problems import Problem, problem_response

_bearer = HTTPBearer(auto_error=False, description="An API key: `Authorization: Bearer ovr_…`")


def authenticate(
    request: Request,
    response: Response,
    session: SessionDep,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Iterator[User]:
    """Find who the key belongs to; once the request is answered, write down what it was shown."""
    found = queries.active_key(session, hash_key(credentials.credentials)) if credentials else None
    if found is None:
        raise _no_key()
    key, user = found
    service.note_use(session, key)
    request.state.user_id = user.id  # for the log's line and the access log
    yield user
    access_log.record(session, request, response, user.id)


class KeyBeforeBody:
    """Refuse a request that has a body and no key, with 401, before the body is read. `authenticate` checks keys.

    FastAPI reads a body before any dependency runs. No operation that needs no key reads a body.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] == "http":
            request = Request(scope)
            if has_body(request) and await _bearer(request) is None:
                await problem_response(request, _no_key())(scope, receive, send)
                return
        await self.app(scope, receive, send)


UserDep = Annotated[User, Depends(authenticate, scope="function")]


def require(role: Role) -> Callable[[User], Awaitable[User]]:
    """Return the dependency that admits `role` and the roles above it."""

    async def admit(user: UserDep) -> User:
        if not allows(user.role, role):
            raise Problem(403, "forbidden", f"This needs the role {role}; yours is {user.role}.")
        return user

    return admit


def _no_key() -> Problem:
    return Problem(
        401,
        "unauthorized",
        "Send a valid API key as `Authorization: Bearer …`.",
        headers={"WWW-Authenticate": "Bearer"},
    )


ViewerUser = Annotated[User, Depends(require("viewer"))]
ReaderUser = Annotated[User, Depends(require("reader"))]
ResearcherUser = Annotated[User, Depends(require("researcher"))]
AdminUser = Annotated[User, Depends(require("admin"))]
