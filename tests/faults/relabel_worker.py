"""A worker whose activations take a while, a text at a time: a process that the fault tests kill."""

import time
from typing import Any

from app.jobs.worker import work
from app.settings import Settings
from app.steps import KINDS, TIDY
from app.vocabularies import tasks
from app.vocabularies.labeling_processes import Answer, LabelingProcesses

PAUSE_S = 0.2


class SlowReaders(LabelingProcesses):
    """LabelingProcesses that take their time."""

    def read(self, texts: Any) -> Answer:
        """Read, then wait."""
        answer = super().read(texts)
        time.sleep(PAUSE_S)
        return answer


if __name__ == "__main__":
    tasks.TEXTS = 1
    tasks.LabelingProcesses = SlowReaders  # type: ignore[misc]
    work(Settings(), ["cpu"], KINDS, tidy=TIDY)
