"""Waiting for news: who closes the watch gets its connection back."""

import asyncio
import threading

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.kit.database import Database
from app.kit.watch import Watch


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
