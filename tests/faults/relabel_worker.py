"""A worker whose activations take a while, a text at a time: a process that the fault tests kill."""

import time
from typing import Any

from app.jobs.worker import work
from app.settings import Settings
from app.steps import KINDS, TIDY
from app.vocabularies import tasks
from app.vocabularies.labeling_processes import Answer, Readers

PAUSE_S = 0.2


class SlowReaders(Readers):
    """Readers that take their time."""

    def read(self, texts: Any) -> Answer:
        """Read, then wait."""
        answer = super().read(texts)
        time.sleep(PAUSE_S)
        return answer


if __name__ == "__main__":
    tasks.TEXTS = 1
    tasks.Readers = SlowReaders  # type: ignore[misc]
    work(Settings(), ["cpu"], KINDS, TIDY)
