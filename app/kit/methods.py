"""`HEAD` and `OPTIONS` for every operation, as plain ASGI, and the methods an address accepts."""

import anyio
from fastapi import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def allowed_methods(scope: Scope) -> list[str]:
    """Return the methods that a request's address accepts; an empty list when there is no such address."""
    routes = scope["app"].router.routes
    allowed = [
        method
        for method in METHODS
        if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in routes)
    ]
    if not allowed:
        return []
    return [*allowed, *(["HEAD"] if "GET" in allowed else []), "OPTIONS"]


class HeadAndOptions:
    """Answer `HEAD` as `GET` without its body, and `OPTIONS` with the methods of an address."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        method = scope.get("method")
        if method == "OPTIONS" and (allowed := allowed_methods(scope)):
            await Response(status_code=204, headers={"Allow": ", ".join(allowed)})(scope, receive, send)
        elif method == "HEAD":
            await self._head(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _head(self, scope: Scope, receive: Receive, send: Send) -> None:
        with anyio.CancelScope() as answering:

            async def only_start(message: Message) -> None:
                if message["type"] == "http.response.start":
                    await send(message)
                    await send({"type": "http.response.body", "body": b""})
                elif message.get("more_body"):
                    answering.cancel()  # the rest of a streamed body need not be made

            await self.app({**scope, "method": "GET"}, receive, only_start)
