"""Leases of claimed questions, kept while they are answered, so that no other worker claims them."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import structlog

from app.kit.database import TRANSIENT, Database
from app.predictions import queries
from app.predictions.slot import AskedAbout

log = structlog.get_logger(__name__)

LEASE_S = 6.0
"""After a worker is killed, its questions are free after this long."""


class Leases:
    """Extends the leases of all questions that a worker holds, in one thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._held: list[Sequence[AskedAbout]] = []
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def held(self, asked: Sequence[AskedAbout]) -> Iterator[None]:
        """Keep the leases of these questions while the block runs."""
        with self._lock:
            self._held.append(asked)
            if self._thread is None:
                self._thread = threading.Thread(target=self._keep, name="prediction-leases", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._held.remove(asked)

    def close(self) -> None:
        """End the thread."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _keep(self) -> None:
        while not self._over.wait(LEASE_S / 3):
            with self._lock:
                asked = [each for some in self._held for each in some]
            if not asked:
                continue
            try:
                with self._database.begin() as session:
                    queries.extend(session, asked, LEASE_S)
            except TRANSIENT as error:
                log.warning("lease_not_kept", error=type(error).__name__)


class Sometimes:
    """Says that something is due: at first, and again after so many seconds."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._next_s = float("-inf")

    def due(self) -> bool:
        """Return whether it is due now; it is not again for a while."""
        now = time.monotonic()
        if now < self._next_s:
            return False
        self._next_s = now + self._every_s
        return True
