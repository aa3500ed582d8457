"""Admission to a bounded resource: requests wait in a bounded queue, without a thread, or are refused in time."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.kit.problems import Problem

RETRY_AFTER_S = 5


class Admission:
    """A weighted semaphore for one event loop, in order of arrival.

    Requests wait for `patience_s` at most, and at most `longest_queue` of them; the others get 503 with `Retry-After`.
    """

    def __init__(self, capacity: int, *, longest_queue: int, patience_s: float) -> None:
        self.capacity = capacity
        self._free = capacity
        self._longest_queue = longest_queue
        self._patience_s = patience_s
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def admit(self, weight: int = 1) -> AsyncIterator[None]:
        """Hold `weight` of the capacity while the block runs; at most all of it."""
        weight = min(weight, self.capacity)
        await self._enter(weight)
        try:
            yield
        finally:
            self._give_back(weight)

    async def _enter(self, weight: int) -> None:
        if not self._waiting and weight <= self._free:
            self._free -= weight
            return
        if len(self._waiting) >= self._longest_queue:
            raise busy()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((weight, turn))
        try:
            await asyncio.wait([turn], timeout=self._patience_s)
        except asyncio.CancelledError:
            if turn.done():
                self._give_back(weight)
            else:
                self._leave_queue(weight, turn)
            raise
        if not turn.done():
            self._leave_queue(weight, turn)
            raise busy()

    def _leave_queue(self, weight: int, turn: "asyncio.Future[None]") -> None:
        self._waiting.remove((weight, turn))
        self._admit_waiting()

    def _give_back(self, weight: int) -> None:
        self._free += weight
        self._admit_waiting()

    def _admit_waiting(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._free:
            weight, turn = self._waiting.popleft()
            self._free -= weight
            turn.set_result(None)


def busy() -> Problem:
    """Return the 503 of a service that has too much to do."""
    return Problem(
        503,
        "busy",
        "The service is busy; try again.",
        headers={"Retry-After": str(RETRY_AFTER_S)},
    )
