"""Calls of the object store from requests: in threads of their own, so that a slow store takes no other's thread."""

from collections.abc import Callable
from typing import Annotated, TypeVar

from anyio import CapacityLimiter, to_thread

from app.kit.admission import Admission
from app.kit.state import from_app

THREADS = 20
LONGEST_QUEUE = 200
PATIENCE_S = 8.0

Result = TypeVar("Result")


class StoreCalls:
    """Runs at most `THREADS` calls at once. The others wait without a thread, or get 503 with `Retry-After`."""

    def __init__(self) -> None:
        self._admission = Admission(THREADS, longest_queue=LONGEST_QUEUE, patience_s=PATIENCE_S)
        self._threads = CapacityLimiter(THREADS)

    async def run(self, call: Callable[[], Result]) -> Result:
        """Return what `call` returns, called in a thread. No connection may be held meanwhile."""
        async with self._admission.admit():
            return await to_thread.run_sync(call, limiter=self._threads)


StoreCallsDep = Annotated[StoreCalls, from_app("store_calls")]
