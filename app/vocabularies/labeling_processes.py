"""Child processes that label texts in parallel, with one vocabulary."""

import json
import queue
import subprocess
from collections.abc import Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

from app.jobs.run import JobFailed
from app.kit.children import end_group, python_module, secretless_environment


class Answer(NamedTuple):
    """What `ml.labeling.batch` answers; `rows` is JSON that only the database parses."""

    forms: list[str]
    rows: str


class LabelingProcesses:
    """A few `python -m ml.labeling.batch` processes. They end when they are closed, or this process ends."""

    def __init__(self, yaml: str, count: int) -> None:
        self._yaml = yaml
        self._count = count
        self._children: list[subprocess.Popen[bytes]] = []
        self._free: queue.Queue[subprocess.Popen[bytes]] = queue.Queue()

    def __enter__(self) -> Self:
        for _ in range(self._count):
            child = subprocess.Popen(
                python_module("ml.labeling.batch"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
                cwd="/",  # it opens no file
                env=secretless_environment(),
            )
            self._children.append(child)
            self._free.put(child)
        for child in self._children:
            _write(child, {"vocabulary": self._yaml})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self._children:
            end_group(child)

    def read(self, texts: Sequence[tuple[int, str | None, Any]]) -> Answer:
        """Return what texts say, labeled by the next free process. Threads may share this."""
        child = self._free.get()
        try:
            _write(child, texts)
            assert child.stdout is not None
            forms, rows = child.stdout.readline(), child.stdout.readline()
        except OSError as error:
            raise JobFailed("a reading process ended") from error
        finally:
            self._free.put(child)
        if not rows:
            raise JobFailed("a reading process ended")
        return Answer(json.loads(forms), rows.decode())


def _write(child: subprocess.Popen[bytes], value: Any) -> None:
    assert child.stdin is not None
    child.stdin.write(json.dumps(value).encode() + b"\n")
    child.stdin.flush()
