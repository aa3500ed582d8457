"""Waiting for changes in the database: one poller asks for all waiting requests, which hold no thread or connection."""

import asyncio
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Generic, TypeVar

import structlog
from sqlalchemy.orm import Session

from app.kit.admission import busy
from app.kit.database import Database

log = structlog.get_logger(__name__)

Key = TypeVar("Key", bound=Hashable)
News = TypeVar("News")


class Watch(Generic[Key, News]):
    """Waits for news of keys, on one event loop.

    Parameters
    ----------
    look
        Return the news of those keys that have any. It is called in a thread, with all keys that are waited for.
    first_pause_s, longest_pause_s
        The pause between two looks grows from the first to the longest while there is no news.
    most
        How many may wait; the next gets 503.
    """

    def __init__(
        self,
        database: Database,
        look: Callable[[Session, Sequence[Key]], Mapping[Key, News]],
        *,
        first_pause_s: float,
        longest_pause_s: float,
        most: int,
    ) -> None:
        self._database = database
        self._look = look
        self._first_pause_s = first_pause_s
        self._longest_pause_s = longest_pause_s
        self._most = most
        self._pause_s = first_pause_s
        self._waiting: dict[Key, set[asyncio.Future[News]]] = {}
        self._count = 0
        self._poller: asyncio.Task[None] | None = None

    async def news(self, key: Key, within_s: float | None = None) -> News | None:
        """Return the news of `key` as soon as there is any, or None when there is none within that time."""
        if self._count >= self._most:
            raise busy()
        future: asyncio.Future[News] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, set()).add(future)
        self._count += 1
        self._pause_s = self._first_pause_s
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())
        try:
            done, _ = await asyncio.wait([future], timeout=within_s)
            return future.result() if done else None
        finally:
            self._count -= 1
            self._forget(key, future)

    async def close(self) -> None:
        """Stop looking, and wait for the look that is under way: it has a connection and a thread."""
        self._waiting.clear()
        if self._poller is not None:
            await self._poller

    async def _look_for(self, keys: Sequence[Key]) -> Mapping[Key, News]:
        return await self._database.run(lambda session: self._look(session, keys))

    def _forget(self, key: Key, future: "asyncio.Future[News]") -> None:
        if waiting := self._waiting.get(key):
            waiting.discard(future)
            if not waiting:
                del self._waiting[key]

    async def _poll(self) -> None:
        while self._waiting:
            keys = list(self._waiting)
            found: Mapping[Key, News] = {}
            try:
                found = await self._look_for(keys)
            except Exception as error:  # the next look may succeed
                log.warning("look_failed", error=type(error).__name__)
            for key, news in found.items():
                for future in self._waiting.pop(key, ()):
                    if not future.done():
                        future.set_result(news)
            if not found:
                self._pause_s = min(self._pause_s * 1.5, self._longest_pause_s)
            await asyncio.sleep(self._pause_s)
