"""A program of PostgreSQL as a child of this process: started, logged and reaped by one thread."""

import logging
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from threading import Thread

from app.embedded import launch
from app.embedded.account import Account

LINE_LIMIT = 8192
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
"""The child's whole environment: our PG* variables and our secrets do not reach it."""


class Child:
    """A running program; its output goes to the log, and its last lines are kept.

    The thread that forks must outlive the program: the kernel's parent-death signal follows the *thread*. So one
    thread starts the program, copies its output until the end, and reaps it; `start` may be called from any thread.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        account: Account,
        log: logging.Handler,
        keep_open: tuple[int, ...] = (),
    ) -> None:
        self._last_lines: deque[str] = deque(maxlen=30)
        self._log = log
        started: Future[subprocess.Popen[bytes]] = Future()

        def start() -> subprocess.Popen[bytes]:
            wrapper = [sys.executable, "-I", "-S", launch.__file__, account.uid, account.gid, os.getpid()]
            return subprocess.Popen(
                [str(part) for part in (*wrapper, *command)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=ENVIRONMENT,
                pass_fds=keep_open,
                start_new_session=True,  # Ctrl-C in the terminal is for the service, which then stops us in order
            )

        self._thread = Thread(target=self._run, args=(start, started), name="embedded-postgres", daemon=True)
        self._thread.start()
        self._process = started.result()

    def _run(self, start: Callable[[], subprocess.Popen[bytes]], started: "Future[subprocess.Popen[bytes]]") -> None:
        try:
            process = start()
        except BaseException as error:
            started.set_exception(error)
            return
        started.set_result(process)
        assert process.stdout is not None
        with process.stdout as output:
            while line := output.readline(LINE_LIMIT):
                text = line.decode(errors="replace").rstrip()
                self._last_lines.append(text)
                self._log.handle(logging.makeLogRecord({"msg": text}))
        process.wait()

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the program runs."""
        return self._process.poll() is None

    @property
    def last_words(self) -> str:
        """The last lines it wrote; complete once it has ended."""
        return "\n".join(self._last_lines)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal; does nothing when it has ended."""
        self._process.send_signal(number)

    def wait(self, timeout_s: float | None) -> int:
        """Wait for its end and its whole output, and return the exit status; raise `TimeoutExpired` after that time."""
        status = self._process.wait(timeout_s)
        self._thread.join(timeout_s)
        return status
