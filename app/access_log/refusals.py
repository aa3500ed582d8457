"""Requests that were refused, 401 or 403, as plain ASGI: whatever part of the service refused them."""

import time
from collections.abc import Callable
from functools import partial

import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access_log import queries
from app.access_log.queries import REFUSED, Entry
from app.access_log.service import address_of, operation_of
from app.kit.database import Database

A_SECOND = 10.0
AT_ONCE = 100.0

log = structlog.get_logger(__name__)


class Allowance:
    """How many rows may be written: so many a second, and some more at once after a quiet time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left = AT_ONCE
        self._asked_at = clock()
        self._refused = 0

    def take(self) -> int | None:
        """Return how many were not allowed since the last that was, or None where this one is not."""
        now = self._clock()
        self._left = min(AT_ONCE, self._left + A_SECOND * (now - self._asked_at))
        self._asked_at = now
        if self._left < 1:
            self._refused += 1
            return None
        self._left -= 1
        refused, self._refused = self._refused, 0
        return refused


class RecordRefusals:
    """Add a row to the access log for a refused request, once its answer has been sent.

    Whoever has no key can cause any number of refusals. Not each of very many gets a row; the next row counts them.
    """

    def __init__(self, app: ASGIApp, database: Database) -> None:
        self.app = app
        self._database = database
        self._allowance = Allowance()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        await self.app(scope, receive, watched)
        if status in REFUSED and (unrecorded := self._allowance.take()) is not None:
            await self._record(scope, status, unrecorded)

    async def _record(self, scope: Scope, status: int, unrecorded: int) -> None:
        state = scope["state"]
        entry = Entry(
            user_id=state.get("user_id"),
            operation=operation_of(scope),
            status=status,
            ecg_ids=[],
            ecgs=0,
            address=address_of(scope),
            request_id=state["request_id"],
            unrecorded=unrecorded,
        )
        try:
            await self._database.run(partial(queries.add, entry=entry, only_reads=True))
        except (SQLAlchemyError, HTTPException) as error:  # the answer has been sent; too busy is an HTTPException
            log.warning("refusal_not_recorded", error=type(error).__name__)
