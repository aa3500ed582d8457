"""Waiting for changes in the database: one poller asks for all waiting requests, which hold no thread or connection."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

import psycopg
import structlog
from sqlalchemy.orm import Session

from app.kit.admission import busy
from app.kit.database import CONNECTING, Database

log = structlog.get_logger(__name__)

Key = TypeVar("Key", bound=Hashable)
News = TypeVar("News")

SELDOM_S = 1.0
"""Pause between looks for everything while announcements are heard: for one that was lost."""
CONNECT_AGAIN_S = 2.0


@dataclass(frozen=True)
class Channel(Generic[Key]):
    """Where news is announced (`NOTIFY name, payload`), and which keys a payload names."""

    name: str
    keys: Callable[[str], Iterable[Key]]


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
    channel
        Where whoever makes news announces it in the same transaction. It is listened to from the first `news` on, by
        one connection; then keys are looked for when they are announced, and all of them every `SELDOM_S`.

    Attributes
    ----------
    hears
        Whether the channel is listened to just now.
    """

    def __init__(
        self,
        database: Database,
        look: Callable[[Session, Sequence[Key]], Mapping[Key, News]],
        *,
        first_pause_s: float,
        longest_pause_s: float,
        most: int,
        channel: Channel[Key] | None = None,
    ) -> None:
        self._database = database
        self._look = look
        self._first_pause_s = first_pause_s
        self._longest_pause_s = longest_pause_s
        self._most = most
        self._channel = channel
        self._pause_s = first_pause_s
        self._waiting: dict[Key, set[asyncio.Future[News]]] = {}
        self._count = 0
        self._poller: asyncio.Task[None] | None = None
        self._listener: asyncio.Task[None] | None = None
        self.hears = False
        self._due: set[Key] = set()  # announced, and waited for
        self._early: OrderedDict[Key, None] = OrderedDict()  # announced, and not waited for yet: the last of them
        self._announced = asyncio.Event()

    async def news(self, key: Key, within_s: float | None = None) -> News | None:
        """Return the news of `key` as soon as there is any, or None when there is none within that time."""
        if self._count >= self._most:
            raise busy()
        future: asyncio.Future[News] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, set()).add(future)
        self._count += 1
        self._pause_s = self._first_pause_s
        if key in self._early:
            del self._early[key]
            self._hear([key])
        self._start()
        try:
            done, _ = await asyncio.wait([future], timeout=within_s)
            return future.result() if done else None
        finally:
            self._count -= 1
            self._forget(key, future)

    async def close(self) -> None:
        """Stop looking, and wait for the look that is under way: it has a connection and a thread."""
        self._waiting.clear()
        self._announced.set()
        if self._listener is not None:
            self._listener.cancel()
            with suppress(asyncio.CancelledError):
                await self._listener
        if self._poller is not None:
            await self._poller

    def _start(self) -> None:
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())
        if self._channel is not None and self._listener is None:
            self._listener = asyncio.create_task(self._listen(self._channel))

    def _forget(self, key: Key, future: "asyncio.Future[News]") -> None:
        if waiting := self._waiting.get(key):
            waiting.discard(future)
            if not waiting:
                del self._waiting[key]

    async def _poll(self) -> None:
        keys = [] if self.hears else list(self._waiting)
        while self._waiting:
            if keys and not await self._look_for(keys):
                self._pause_s = min(self._pause_s * 1.5, self._longest_pause_s)
            keys = await self._next_keys()

    async def _look_for(self, keys: Sequence[Key]) -> bool:
        """Hand out what is new of some keys; return whether there was anything."""
        try:
            found = await self._database.run(lambda session: self._look(session, keys))
        except Exception as error:  # the next look may succeed
            log.warning("look_failed", error=type(error).__name__)
            return False
        for key, news in found.items():
            for future in self._waiting.pop(key, ()):
                if not future.done():
                    future.set_result(news)
        return bool(found)

    async def _next_keys(self) -> list[Key]:
        """Wait, and return what is to be looked for then."""
        if not self.hears:
            await asyncio.sleep(self._pause_s)
            return list(self._waiting)
        try:
            async with asyncio.timeout(SELDOM_S):
                await self._announced.wait()
        except TimeoutError:
            self._due.update(self._waiting)
        self._announced.clear()
        due, self._due = self._due, set()
        return [key for key in due if key in self._waiting]

    async def _listen(self, channel: Channel[Key]) -> None:
        """Hear what is announced, for as long as the application lives."""
        url = self._database.url.replace("postgresql+psycopg://", "postgresql://", 1)
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(url, autocommit=True, **CONNECTING) as listening:
                    await listening.execute(f"LISTEN {channel.name}")
                    self.hears = True
                    self._hear(self._waiting)  # what was announced before
                    async for announced in listening.notifies():
                        self._hear(channel.keys(announced.payload))
            except psycopg.Error as error:
                log.warning("announcements_not_heard", error=type(error).__name__)
            finally:
                self.hears = False
            await asyncio.sleep(CONNECT_AGAIN_S)

    def _hear(self, keys: Iterable[Key]) -> None:
        for key in keys:
            if key in self._waiting:
                self._due.add(key)
            else:
                self._early[key] = None
        while len(self._early) > self._most:
            self._early.popitem(last=False)
        if self._due:
            self._announced.set()
