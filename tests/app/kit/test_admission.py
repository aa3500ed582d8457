"""Admission: what is in use never exceeds the capacity, who waits comes in order, and nothing is lost on the way."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kit.admission import Admission
from app.kit.problems import Problem


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 30))


@given(st.lists(st.tuples(st.integers(1, 12), st.sampled_from(["leave", "fail", "cancel"])), max_size=30))
def test_capacity_is_never_exceeded_and_comes_back_whole(users: list[tuple[int, str]]) -> None:
    async def work() -> None:
        admission = Admission(10, longest_queue=100, patience_s=30)
        in_use = 0
        most = 0

        async def use(weight: int, end: str) -> None:
            nonlocal in_use, most
            async with admission.admit(weight):
                in_use += min(weight, 10)
                most = max(most, in_use)
                try:
                    await asyncio.sleep(0)
                    if end == "fail":
                        raise ValueError
                    if end == "cancel":
                        await asyncio.sleep(3600)
                finally:
                    in_use -= min(weight, 10)

        tasks = [asyncio.create_task(use(*user)) for user in users]
        while pending := [task for task in tasks if not task.done()]:
            for task, (_, end) in zip(tasks, users, strict=True):
                if end == "cancel":
                    task.cancel()
            await asyncio.wait(pending, timeout=0.01)
        assert most <= 10
        async with admission.admit(10):
            pass

    run(work())


def test_who_comes_first_is_served_first_also_when_later_ones_need_less() -> None:
    async def work() -> None:
        admission = Admission(2, longest_queue=10, patience_s=30)
        order: list[str] = []

        async def use(name: str, weight: int) -> None:
            async with admission.admit(weight):
                order.append(name)
                await asyncio.sleep(0)

        async with admission.admit(1):
            tasks = [asyncio.create_task(use("large", 2)), asyncio.create_task(use("small", 1))]
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert order == []
        await asyncio.gather(*tasks)
        assert order == ["large", "small"]

    run(work())


def test_a_full_queue_and_a_long_wait_are_refused_with_retry_after() -> None:
    async def work() -> None:
        admission = Admission(1, longest_queue=1, patience_s=0.01)

        async def use() -> None:
            async with admission.admit():
                pass

        async with admission.admit():
            waiting = asyncio.create_task(use())
            await asyncio.sleep(0)
            for refused in (use(), waiting):
                with pytest.raises(Problem) as problem:
                    await refused
                assert problem.value.status_code == 503
                assert problem.value.headers is not None and int(problem.value.headers["Retry-After"]) > 0
        await use()

    run(work())


def test_who_is_cancelled_while_it_waits_leaves_its_place() -> None:
    async def work() -> None:
        admission = Admission(1, longest_queue=10, patience_s=30)

        async def use() -> None:
            async with admission.admit():
                pass

        async with admission.admit():
            gone, waiting = asyncio.create_task(use()), asyncio.create_task(use())
            await asyncio.sleep(0)
            gone.cancel()
            await asyncio.sleep(0)
        await waiting
        async with admission.admit(1):
            pass

    run(work())
