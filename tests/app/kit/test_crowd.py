"""Many clients at once, on a real server: nobody waits for a thread or a connection that another waiting one holds."""

import asyncio
from collections import Counter

import httpx
import pytest
from sqlalchemy import text

from app.auth import service as auth
from app.auth.tables import User
from app.jobs import queries
from app.jobs import service as jobs
from app.jobs.doorbell import Doorbell
from app.kit.database import Database
from app.settings import Settings
from ml.corpus.simulator import simulate
from ml.formats.wfdb import write_wfdb
from tests.app.serving import served

LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=None)


def client(address: str, key: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=address, headers={"Authorization": f"Bearer {key}"}, limits=LIMITS, timeout=httpx.Timeout(60)
    )


async def statuses(asking: httpx.AsyncClient, path: str, count: int) -> Counter[int]:
    answers = await asyncio.gather(*(asking.get(path) for _ in range(count)))
    assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 503)
    return Counter(answer.status_code for answer in answers)


@pytest.mark.parametrize("pool_size", [1, 20])
def test_two_hundred_clients_at_once_are_answered(settings: Settings, keys: dict[str, str], pool_size: int) -> None:
    async def crowd(address: str) -> None:
        async with client(address, keys["viewer"]) as asking:
            assert set(await statuses(asking, "/v1/me", 200)) <= {200, 503}
            assert await statuses(asking, "/v1/me", 20) == {200: 20}

    with served(settings.model_copy(update={"database_pool_size": pool_size})) as address:
        asyncio.run(crowd(address))


def test_a_lock_that_is_held_for_long_is_a_prompt_503(
    settings: Settings, keys: dict[str, str], database: Database
) -> None:
    """Every connection waits for a lock; those and the others are refused, and answered once the lock is gone."""

    async def crowd(address: str) -> None:
        async with client(address, keys["viewer"]) as asking:
            with database.begin() as session:
                session.execute(text("LOCK TABLE users IN ACCESS EXCLUSIVE MODE"))
                assert await statuses(asking, "/v1/me", 10) == {503: 10}
                assert (await asking.get("/healthz")).status_code == 200
            assert await statuses(asking, "/v1/me", 10) == {200: 10}

    with served(settings.model_copy(update={"database_pool_size": 2, "database_patience_s": 0.5})) as address:
        asyncio.run(crowd(address))


def test_signals_share_a_bounded_memory(settings: Settings, keys: dict[str, str]) -> None:
    """With memory for one signal at a time, uploads and answers take turns; with one connection, none waits with it."""
    ecgs = list(simulate(4, seed=2))

    async def crowd(address: str) -> None:
        async with client(address, keys["reader"]) as asking:
            uploads = [
                asking.post("/v1/ecgs", files=[("file", item) for item in write_wfdb(ecg.recording, "r").items()])
                for ecg in ecgs
            ]
            stored = await asyncio.gather(*uploads)
            assert {answer.status_code for answer in stored} == {201}
            paths = [f"{answer.headers['location']}/waveform?format=npy" for answer in stored]
            read = await asyncio.gather(*(asking.get(path) for path in paths for _ in range(5)))
            assert {answer.status_code for answer in read} == {200}

    with served(settings.model_copy(update={"signal_memory_bytes": 1, "database_pool_size": 1})) as address:
        asyncio.run(crowd(address))


def test_three_hundred_event_streams_stop_nobody(settings: Settings, keys: dict[str, str], database: Database) -> None:
    with database.begin() as session:
        job_ids = [jobs.create(session, Doorbell(settings), admin(session), "dataset", params={}).id for _ in range(30)]

    async def follow(asking: httpx.AsyncClient, path: str, open_streams: list[None]) -> str:
        async with asking.stream("GET", path) as stream:
            assert stream.status_code == 200
            open_streams.append(None)
            return "".join([part async for part in stream.aiter_text()])

    async def crowd(address: str) -> None:
        async with client(address, keys["viewer"]) as asking:
            opened: list[None] = []
            paths = [f"/v1/jobs/{job_ids[number % 30]}/events" for number in range(300)]
            streams = [asyncio.create_task(follow(asking, path, opened)) for path in paths]
            while len(opened) < 300:
                await asyncio.sleep(0.01)
            assert await statuses(asking, "/v1/me", 50) == {200: 50}
            assert settings.database_pool_size == 20 and connections(database) <= 21
            with database.begin() as session:
                for job_id in job_ids:
                    queries.request_cancel(session, job_id)
            told = await asyncio.gather(*streams)
            assert all(text.count('"state": "cancelled"') == 1 for text in told)

    with served(settings) as address:
        asyncio.run(crowd(address))


def admin(session: object) -> User:
    return auth.queries.user_by_name(session, "admin")  # type: ignore[arg-type, return-value]


def connections(database: Database) -> int:
    with database.begin() as session:
        statement = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return int(session.execute(statement).scalar_one())
