"""One PostgreSQL server on one cluster: how it is configured, started until it answers, and stopped."""

import logging
import signal
import subprocess
import time
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from app.embedded.binaries import Binaries
from app.embedded.child import Child
from app.embedded.cluster import SUPERUSER, Cluster
from app.embedded.errors import EmbeddedPostgresError
from app.embedded.socket_folder import PORT

RETRY_S = 30
"""Seconds for which a start is tried again while processes of a killed server end."""
RECOVERY_S = 600
"""Seconds for which a running server may replay its log before the start counts as failed."""
STOP_STEPS = ((signal.SIGINT, 30), (signal.SIGQUIT, 10), (signal.SIGKILL, 10))
"""PostgreSQL's fast shutdown, its immediate one (recovery follows at the next start), the kernel's; seconds."""

SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "cluster_name": "overread",
    "max_connections": "60",
    "shared_buffers": "128MB",
    "jit": "off",  # our aggregates are short; compiling them costs more than they do
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",  # standard error, to the bounded log
    "log_line_prefix": "%m [%p] ",
    # Statements and details carry rows, and rows carry patients.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}
"""Given on the command line, so that no file of the cluster can override them."""
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}
"""A commit is written, but not forced to disk: rows survive when the server is killed, not when the machine crashes."""


class Server:
    """The server process of a cluster, reached through the socket in `sockets`."""

    def __init__(
        self, binaries: Binaries, cluster: Cluster, sockets: Path, log: logging.Handler, *, durable: bool
    ) -> None:
        self._cluster = cluster
        self._sockets = sockets
        self._log = log
        settings = SETTINGS if durable else SETTINGS | NOT_DURABLE
        self._command: list[str | Path] = [binaries.postgres, "-D", cluster.path, "-k", sockets]
        self._command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._child: Child | None = None

    @property
    def is_running(self) -> bool:
        """Whether the process runs."""
        return self._child is not None and self._child.is_running

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._child.pid if self._child is not None and self._child.is_running else None

    def start(self) -> None:
        """Start the server and return when it answers.

        Raises
        ------
        EmbeddedPostgresError
            It ended, or does not answer; the message holds its last lines.
        """
        began = time.monotonic()
        while True:
            child = self._child = Child(
                self._command, self._cluster.account, self._log, keep_open=(self._cluster.descriptor,)
            )
            if self._answers(child, began + RECOVERY_S):
                return
            # Right after a kill, the old server's back ends still hold its shared memory for a moment.
            left_behind = "shared memory block" in child.last_words or "lock file" in child.last_words
            if not left_behind or time.monotonic() - began > RETRY_S:
                raise EmbeddedPostgresError(f"PostgreSQL did not start:\n{child.last_words}")
            time.sleep(0.2)

    def stop(self) -> None:
        """Stop it, cleanly if possible."""
        for number, patience_s in STOP_STEPS:
            if self._child is None or not self._child.is_running:
                return
            self._child.send(number)
            try:
                self._child.wait(patience_s)
            except subprocess.TimeoutExpired:
                continue

    def wait(self) -> None:
        """Return when it has ended."""
        if self._child is not None:
            self._child.wait(None)

    def connect(self) -> psycopg.Connection:
        """Connect as the superuser; the service itself does not."""
        where = make_conninfo(host=str(self._sockets), port=PORT, user=SUPERUSER, dbname="postgres")
        return psycopg.connect(where, autocommit=True, connect_timeout=10)

    def _answers(self, child: Child, deadline: float) -> bool:
        """Wait until the server takes connections (True) or ends (False)."""
        pause_s = 0.03
        while child.is_running:
            try:
                self.connect().close()
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    raise EmbeddedPostgresError(f"PostgreSQL does not answer: {error}") from error
                time.sleep(pause_s)
                pause_s = min(1.5 * pause_s, 0.5)  # each try is a line in the log of a server that recovers
            else:
                return True
        child.wait(10)
        return False
