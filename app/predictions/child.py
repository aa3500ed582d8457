"""The inference process: `python -m ml serve`, started once and asked over pipes."""

import io
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from app.kit.children import end_group, python_module, secretless_environment
from ml.processes.frames import FrameError, read_frame, write_frame


class ChildDied(Exception):
    """The process ended, was too slow, or sent bytes that are not a frame. The next question starts another."""


class WarmChild:
    """One inference process, started when it is first needed, and again after it died."""

    def __init__(self, log_path: Path) -> None:
        self._log_path = log_path
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def start(self) -> None:
        """Start the process unless it runs already: its imports take seconds."""
        if self._process is not None and self._process.poll() is None:
            return
        self._end()
        self._log_path.parent.mkdir(parents=True, exist_ok=True)
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(
                python_module("ml", "serve"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                cwd=self._log_path.parent,
                env=secretless_environment(),
            )

    def ask(
        self,
        bundle: Path,
        signal_mv: NDArray[np.float64],
        sampling_rate_hz: float,
        *,
        phrases: Sequence[str],
        timeout_s: float,
    ) -> dict[str, Any]:
        """Ask about one ECG (12 × samples, mV) and any phrases. Return `{"answer": …}` or `{"error": …}`."""
        self.start()
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None
        array = io.BytesIO()
        np.save(array, signal_mv, allow_pickle=False)
        alarm = threading.Timer(timeout_s, process.kill)
        alarm.start()
        try:
            header = {"bundle": str(bundle), "sampling_rate_hz": sampling_rate_hz, "phrases": list(phrases)}
            write_frame(process.stdin, header, array.getbuffer())
            reply, _ = read_frame(process.stdout)
        except (OSError, EOFError, FrameError) as error:
            self._end()
            raise ChildDied(type(error).__name__) from error
        finally:
            alarm.cancel()
        return reply

    def _end(self) -> None:
        if self._process is not None:
            end_group(self._process)
            self._process = None
