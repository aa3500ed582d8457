"""The workers that `overread serve` runs itself when no broker is configured."""

import signal
import subprocess
import threading
import time
from types import TracebackType
from typing import Self

import structlog

from app.kit.children import python_module, safe_environment
from app.settings import Settings
from app.steps import QUEUES

log = structlog.get_logger(__name__)

WORKERS = (*QUEUES, "infer")
LOOK_S = 0.5
GRACE_S = 15.0
RESTART_AFTER_S = 1.0
LONGEST_BACKOFF_S = 30.0


class EmbeddedWorkers:
    """One worker process per queue. One that ends by itself is started again, after longer and longer pauses.

    Each has a pipe as its standard input. When this process is killed the pipes close, and the workers end.
    """

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.data_dir
        self._environment = {
            **safe_environment(),
            "OVERREAD_DATA_DIR": str(settings.data_dir),
            "OVERREAD_DATABASE_URL": settings.database_url or "",
        }
        self._environment.pop("OVERREAD_ADMIN_KEY", None)
        self._stopping = threading.Event()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._watcher = threading.Thread(target=self._watch, name="worker-watcher", daemon=True)

    def __enter__(self) -> Self:
        for name in WORKERS:
            self._start(name)
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._watcher.join()
        for process in self._processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_S
        for process in self._processes.values():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            assert process.stdin is not None
            process.stdin.close()

    def _start(self, name: str) -> None:
        self._processes[name] = subprocess.Popen(
            python_module("app.cli", "worker", "--queue", name, "--parent-pipe"),
            stdin=subprocess.PIPE,
            cwd=self._folder,
            env=self._environment,
            start_new_session=True,  # Ctrl-C in a terminal goes to the service, which ends its workers in order
        )

    def _watch(self) -> None:
        due: dict[str, float] = {}
        backoff = dict.fromkeys(WORKERS, RESTART_AFTER_S)
        while not self._stopping.wait(LOOK_S):
            for name, process in list(self._processes.items()):
                if process.poll() is None:
                    continue
                if name not in due:
                    log.error("worker_died", queue=name, status=process.returncode)
                    due[name] = time.monotonic() + backoff[name]
                    backoff[name] = min(2 * backoff[name], LONGEST_BACKOFF_S)
                elif time.monotonic() >= due[name]:
                    del due[name]
                    assert process.stdin is not None
                    process.stdin.close()
                    self._start(name)
