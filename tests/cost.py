"""What work costs: CPU time, in runs of a plain loop where it has a limit, and the most memory at once.

The garbage collector rests while the clock runs: a collection walks over all that the other tests left behind, which
took longer than the work itself, and what a signal raises in the collector's callbacks is lost.
"""

import gc
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

MOST_LOOPS = 100  # 2 s on the docs' machine


class Clock:
    """CPU time since it was made; `seconds` is the whole of it once the work is over."""

    def __init__(self) -> None:
        self.start = time.process_time()
        self.seconds = 0.0

    def so_far(self) -> float:
        """Return the seconds of CPU time until now."""
        return time.process_time() - self.start


@contextmanager
def timed() -> Iterator[Clock]:
    """Time a block's work. Other processes do not count, and no garbage is collected meanwhile."""
    collects = gc.isenabled()
    gc.disable()
    clock = Clock()
    try:
        yield clock
    finally:
        clock.seconds = clock.so_far()
        if collects:
            gc.enable()


def loop_s() -> float:
    """Return the least CPU time of several runs of a plain loop."""
    least = float("inf")
    for _ in range(3):
        with timed() as clock:
            sum(number * number % 7 for number in range(500_000))
        least = min(least, clock.seconds)
    return least


def loops(work: Callable[[], object]) -> float:
    """Return how many runs of a plain loop take as much CPU time as `work`.

    The loop runs before and after it, so a machine that is slow, or busy, is slow for both.
    """
    before = loop_s()
    with timed() as clock:
        work()
    return clock.seconds / max(before, loop_s())


@contextmanager
def cheap(most_bytes: int) -> Iterator[None]:
    """Hold a block to `most_bytes` of memory at once, and to half of `MOST_LOOPS`."""
    before = loop_s()
    tracemalloc.start()
    try:
        with timed() as clock:
            yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < most_bytes
    assert clock.seconds < MOST_LOOPS / 2 * max(before, loop_s())
