"""Child processes that read entries in parallel. One that ends, or takes too long, costs one entry and is replaced."""

import io
import queue
import select
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from pydantic_core import PydanticSerializationError

from app.imports.reading.prepared import PREPARED, TASK, Prepared, Signal, Task, Why
from app.kit.children import end_group, python_module, secretless_environment
from ml.processes.frames import FrameError, read_frame, write_frame

LONGEST_S = 120.0
"""Seconds that one entry may take."""

Answer = tuple[Prepared, bytes]


def _refused(code: str, detail: str) -> Answer:
    nothing = Prepared(record=None, facts={}, patient_id=None, order_id=None, readings=(), signal=Signal())
    return replace(nothing, refused=(Why(code, detail),)), b""


_GONE = _refused("reader_ended", f"the process that read it ended, or took more than {LONGEST_S:.0f} s")
_UNWRITABLE = _refused("not_unicode", "its path or a text is not Unicode")

_Child = subprocess.Popen[bytes]


class ReadingProcesses:
    """A few `python -m app.imports.reading.child` processes. They end when they are closed, or this process ends."""

    def __init__(self, count: int) -> None:
        self._free: queue.Queue[_Child] = queue.Queue()
        self._count = count

    def __enter__(self) -> Self:
        for _ in range(self._count):
            self._free.put(_start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _ in range(self._count):
            end_group(self._free.get())

    def read(self, tasks: Sequence[Task]) -> list[Answer]:
        """Return what a free process makes of each task, with the encoded waveforms. Threads may share this."""
        bodies = [_as_json(task) for task in tasks]
        answered = iter(self._read([body for body in bodies if body is not None]))
        return [_UNWRITABLE if body is None else next(answered) for body in bodies]

    def _read(self, bodies: list[bytes]) -> list[Answer]:
        child = self._free.get()
        answers: list[Answer] = []
        try:
            while len(answers) < len(bodies):
                answers += _ask(child, bodies[len(answers) :])
                if len(answers) < len(bodies):  # the child did not answer this one
                    answers.append(_GONE)
                    end_group(child)
                    child = _start()
        finally:
            self._free.put(child)
        return answers


def _as_json(task: Task) -> bytes | None:
    try:
        return TASK.dump_json(task)
    except (UnicodeEncodeError, PydanticSerializationError):  # a name of a file that is no text
        return None


def _start() -> _Child:
    return subprocess.Popen(
        python_module("app.imports.reading.child"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,  # whether there is an answer is asked of the pipe itself
        start_new_session=True,
        cwd="/",
        env=secretless_environment(),
    )


def _ask(child: _Child, bodies: Sequence[bytes]) -> list[Answer]:
    """Return the answers to the first tasks, as many as the child gives."""
    assert child.stdin is not None and child.stdout is not None
    answers: list[Answer] = []
    try:
        frame = io.BytesIO()
        write_frame(frame, {}, b"[" + b",".join(bodies) + b"]")
        rest = frame.getbuffer()
        while rest:  # a pipe may take less than it is given
            rest = rest[child.stdin.write(rest) :]
        for _ in bodies:
            if not select.select([child.stdout], [], [], LONGEST_S)[0]:
                break
            header, encoded = read_frame(child.stdout)
            answers.append((PREPARED.validate_python(header, strict=False), encoded))
    except (OSError, EOFError, FrameError):
        pass
    return answers
