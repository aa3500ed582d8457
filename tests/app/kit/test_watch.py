"""Waiting for news: who closes the watch gets its connection back."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Sequence

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.kit.database import Database
from app.kit.watch import Channel, Watch


def test_closing_waits_for_the_look_under_way(database: Database) -> None:
    started, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def look(session: Session, keys: object) -> dict[str, int]:
        session.execute(text("SELECT 1"))
        started.set()
        may_end.wait(10)
        ended.set()
        return {}

    async def use() -> None:
        watch: Watch[str, int] = Watch(database, look, first_pause_s=0.01, longest_pause_s=0.01, most=5)
        waiting = asyncio.create_task(watch.news("a", within_s=60))
        await asyncio.to_thread(started.wait)
        waiting.cancel()
        closing = asyncio.create_task(watch.close())
        await asyncio.sleep(0)
        assert not ended.is_set()
        may_end.set()
        await closing
        assert ended.is_set()

    asyncio.run(use())
    assert database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


KEYS: Channel[str] = Channel("test_news", lambda payload: [payload])


@contextlib.asynccontextmanager
async def hearing(database: Database, looks: list[list[str]]) -> AsyncIterator[Watch[str, str]]:
    """Give a watch that hears of keys, and has news of each that was announced; it notes what it looks for."""

    def look(session: Session, keys: Sequence[str]) -> dict[str, str]:
        looks.append(sorted(keys))
        known = set(session.scalars(text("SELECT key FROM test_news")))
        return {key: f"news of {key}" for key in known.intersection(keys)}

    with database.begin() as session:
        session.execute(text("CREATE TABLE test_news (key text)"))
    watch = Watch(database, look, first_pause_s=0.01, longest_pause_s=0.01, most=5, channel=KEYS)
    assert await watch.news("nobody", within_s=0.01) is None
    while not watch.hears:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)  # the look that was due before
    looks.clear()
    yield watch
    await watch.close()


def announce(database: Database, key: str, *, told: bool = True) -> None:
    with database.begin() as session:
        session.execute(text("INSERT INTO test_news VALUES (:key)"), {"key": key})
        if told:
            session.execute(text("SELECT pg_notify('test_news', :key)"), {"key": key})


def test_what_is_announced_is_looked_for(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.kit.watch.SELDOM_S", 60.0)
    looks: list[list[str]] = []

    async def use() -> None:
        async with hearing(database, looks) as watch:
            waiting = [asyncio.create_task(watch.news(key, within_s=60)) for key in ("a", "b")]
            await asyncio.sleep(0)
            await asyncio.to_thread(announce, database, "b")
            assert await waiting[1] == "news of b"
            assert looks == [["b"]]
            await asyncio.to_thread(announce, database, "a")
            assert await waiting[0] == "news of a"

    asyncio.run(use())


def test_news_that_came_before_anybody_waited_or_that_nobody_announced_are_found(database: Database) -> None:
    looks: list[list[str]] = []

    async def use() -> None:
        async with hearing(database, looks) as watch:
            await asyncio.to_thread(announce, database, "early")
            await asyncio.sleep(0.1)
            assert await watch.news("early", within_s=60) == "news of early"
            assert looks[0] == ["early"]
            await asyncio.to_thread(announce, database, "silent", told=False)
            assert await watch.news("silent", within_s=60) == "news of silent"

    asyncio.run(use())


def test_a_watch_goes_on_after_its_connection_was_ended(database: Database) -> None:
    async def use() -> None:
        async with hearing(database, []) as watch:
            waiting = asyncio.create_task(watch.news("a", within_s=60))
            await asyncio.sleep(0)
            with database.begin() as session:
                others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                session.execute(text(f"{others} AND pid <> pg_backend_pid()"))
            await asyncio.to_thread(announce, database, "a", told=False)
            assert await waiting == "news of a"

    asyncio.run(use())
