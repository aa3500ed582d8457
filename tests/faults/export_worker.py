"""A worker whose exports take a while, a pair at a time: a process that the fault tests kill."""

import time
from typing import Any

from app.exports import queries, service
from app.jobs.worker import work
from app.settings import Settings
from app.steps import KINDS, SWEEP, TIDY

PAUSE_S = 0.1
read_csv = queries.read_csv


def read_slowly(*given: Any, **named: Any) -> bytes:
    """Read, then wait."""
    content = read_csv(*given, **named)
    time.sleep(PAUSE_S)
    return content


if __name__ == "__main__":
    service.PART = 1
    queries.read_csv = read_slowly
    work(Settings(), ["cpu"], KINDS, tidy=TIDY, sweep=SWEEP)
