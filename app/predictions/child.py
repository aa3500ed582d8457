"""The inference process: `python -m ml serve`, started once and asked over pipes."""

import fcntl
import io
import json
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple, Self

import numpy as np
import structlog
from numpy.typing import NDArray

from app.kit.children import end_group, python_module, secretless_environment
from ml.processes.frames import read_frame, write_frame

log = structlog.get_logger(__name__)

Reply = dict[str, Any]
"""`{"answer": …}` or `{"error": {"code", "detail", …}}`."""


ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""For libraries that divide a sum among threads: the same numbers come out on every number of cores."""


PIPE_BYTES = 1 << 20


class ChildDied(Exception):
    """The process ended, was too slow, or sent bytes that are not a frame. The next question starts another."""


class AboutEcg(NamedTuple):
    """A question to a bundle about one ECG (12 × samples, mV), and any phrases."""

    bundle: Path
    signal_mv: NDArray[np.float64]
    sampling_rate_hz: float
    phrases: Sequence[str] = ()


class WarmChild:
    """One inference process, started when it is first needed, and again after it died."""

    def __init__(self, log_path: Path) -> None:
        self._log_path = log_path
        self._process: subprocess.Popen[bytes] | None = None
        self._loaded: list[Path] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    @property
    def loaded(self) -> list[Path]:
        """The bundles that the running process has loaded, the last one asked for last."""
        running = self._process is not None and self._process.poll() is None
        return list(self._loaded) if running else []

    def start(self) -> None:
        """Start the process unless it runs already: its imports take seconds."""
        if self._process is not None and self._process.poll() is None:
            return
        self.end()
        self._log_path.parent.mkdir(parents=True, exist_ok=True)
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(
                python_module("ml", "serve"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                cwd=self._log_path.parent,
                env={**secretless_environment(), **ONE_THREAD},
            )
        _widen(self._process.stdin)

    def another(self) -> "WarmChild":
        """Return a child that is not started, with the same log."""
        return WarmChild(self._log_path)

    def take_over(self, other: "WarmChild") -> None:
        """Go on with the other's process, and end the own one."""
        self.end()
        self._process, self._loaded = other._process, other._loaded
        other._process, other._loaded = None, []

    def ask(self, questions: Sequence[AboutEcg], *, timeout_s: float) -> list[Reply]:
        """Return a reply to each question."""
        asked, body = [], []
        for question in questions:
            parts = _npy(question.signal_mv)
            body += parts
            asked.append(
                {
                    "bundle": str(question.bundle),
                    "sampling_rate_hz": question.sampling_rate_hz,
                    "phrases": list(question.phrases),
                    "bytes": sum(part.nbytes for part in parts),
                }
            )
        return self._exchange({"questions": asked}, body, timeout_s)

    def ask_each(self, questions: Sequence[AboutEcg], *, timeout_s: float) -> list[Reply]:
        """Return a reply to each. If the process dies each is asked alone: then only the one to blame fails."""
        if not questions:
            return []
        try:
            return self.ask(questions, timeout_s=timeout_s)
        except ChildDied as died:
            log.error("inference_child_died", questions=len(questions), why=str(died))
            if len(questions) == 1:
                return [{"error": {"code": "child_died", "detail": "the inference process died"}}]
        return [reply for each in questions for reply in self.ask_each([each], timeout_s=timeout_s)]

    def load(self, bundles: Sequence[Path], *, timeout_s: float) -> None:
        """Load bundles in this order, so that later questions about them do not wait for it."""
        self._exchange({"load": list(map(str, bundles))}, [], timeout_s)

    def _exchange(self, header: dict[str, Any], body: Sequence[memoryview], timeout_s: float) -> list[Reply]:
        self.start()
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None
        alarm = threading.Timer(timeout_s, process.kill)
        alarm.start()
        try:
            write_frame(process.stdin, header, *body)
            answered, text = read_frame(process.stdout)
            replies: list[Reply] = json.loads(text)
        except (OSError, EOFError, ValueError) as error:  # a FrameError is a ValueError
            self.end()
            raise ChildDied(type(error).__name__) from error
        finally:
            alarm.cancel()
        self._loaded = [Path(folder) for folder in answered["loaded"]]
        return replies

    def end(self) -> None:
        """End the process."""
        if self._process is not None:
            end_group(self._process)
            self._process = None
        self._loaded = []


def _npy(signal_mv: NDArray[np.float64]) -> list[memoryview]:
    """Return the parts of an `.npy` file, its head and its numbers, without a copy of the numbers."""
    numbers = np.ascontiguousarray(signal_mv)
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, np.lib.format.header_data_from_array_1_0(numbers))
    return [head.getbuffer(), numbers.data.cast("B")]


def _widen(pipe: IO[bytes] | None) -> None:
    """Let a pipe hold an ECG, where the system can: else both processes take turns for every 64 KiB."""
    if pipe is not None and hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
