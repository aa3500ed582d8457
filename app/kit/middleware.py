"""Request ids, one access line a request, and a bound on the body, as plain ASGI."""

import re
import time
import uuid
from collections.abc import Mapping

import structlog
from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.kit.problems import Problem, problem_response

_GIVEN_ID = re.compile(rb"[A-Za-z0-9_.-]{1,64}")

log = structlog.get_logger("access")


class RequestContext:
    """Give each request an id (the client's `X-Request-ID` if it is valid), log the request, and return the id."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"x-request-id", b"")
        request_id = given.decode() if _GIVEN_ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        status = 500
        started = time.perf_counter()

        async def named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                headers["X-Content-Type-Options"] = "nosniff"
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self.app(scope, receive, named)
            finally:
                route = scope.get("route")
                user_id = scope["state"].get("user_id")
                log.info(
                    "request",
                    method=scope["method"],
                    route=getattr(route, "path", "-"),  # the template: a raw path may name a patient
                    user_id=str(user_id) if user_id is not None else None,
                    status=status,
                    ms=round((time.perf_counter() - started) * 1000, 1),
                )


class BodyLimit:
    """Refuse a body over the limit with 413, whether `Content-Length` is given or not."""

    def __init__(self, app: ASGIApp, *, max_upload_bytes: int, max_json_bytes: int, uploads: Mapping[str, int]) -> None:
        """`uploads` has the limits of the paths whose uploads have one of their own."""
        self.app = app
        self.max_upload_bytes = max_upload_bytes
        self.max_json_bytes = max_json_bytes
        self.uploads = uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        upload = headers.get(b"content-type", b"").lower().startswith(b"multipart/form-data")
        limit = self.uploads.get(scope["path"], self.max_upload_bytes) if upload else self.max_json_bytes
        announced = headers.get(b"content-length", b"0")
        too_large = Problem(413, "too_large", f"The request body is larger than {limit} bytes.")
        if not announced.isdigit() or int(announced) > limit:
            await problem_response(Request(scope), too_large)(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise too_large
            return message

        await self.app(scope, counted, send)
