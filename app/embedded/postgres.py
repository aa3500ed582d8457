"""A private PostgreSQL below one folder, for as long as this process lives."""

import logging
import os
import signal
import subprocess
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType

import psycopg
from psycopg import sql
from sqlalchemy import URL

from app.embedded import orphan
from app.embedded.account import Account, server_account
from app.embedded.binaries import Binaries, Source, find_binaries, reachable_by
from app.embedded.child import Child
from app.embedded.cluster import DATABASE, ROLE, SUPERUSER, Cluster, make_cluster
from app.embedded.errors import EmbeddedPostgresError, FolderInUse
from app.embedded.lock import FolderInUse, FolderLock
from app.embedded.socket_folder import PORT, make_socket_folder

LOG_BYTES = 5_000_000
RETRY_S = 30
"""How long a start is tried again while back ends of a killed server end."""
RECOVERY_S = 600
"""How long a living server may replay its log before we give up on it."""
STOP_STEPS = ((signal.SIGINT, 30), (signal.SIGQUIT, 10), (signal.SIGKILL, 10))
"""PostgreSQL's fast shutdown, its immediate one (recovery follows at the next start), the kernel's."""

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
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedPostgres:
    """PostgreSQL in `folder`, started on first use and kept between runs.

    Parameters
    ----------
    folder
        Its home: `cluster` (PostgreSQL's own), `socket`, `server.log` and `lock`. Made when absent.
    durable
        False: nothing is synced to disk; for tests only, a crash of the machine may ruin the cluster.
    source
        Where the programs come from: the wheel, the system, or whichever fits. A cluster keeps its major version.

    Notes
    -----
    Not for Windows. The server ends with this process, even when that is SIGKILLed: by the kernel on Linux,
    elsewhere by the next start.
    """

    def __init__(self, folder: Path, *, durable: bool = True, source: Source = "any") -> None:
        self.folder = folder.absolute()
        self._durable = durable
        self._source = source
        self._lock = FolderLock(self.folder / "lock")
        self._log: logging.Handler | None = None
        self._cluster: Cluster | None = None
        self._sockets: Path | None = None
        self._server: Child | None = None

    @property
    def is_running(self) -> bool:
        """Whether the server process lives."""
        return self._server is not None and self._server.is_running

    @property
    def pid(self) -> int | None:
        """Process id of the server, for those who watch it."""
        return self._server.pid if self._server else None

    def start(self) -> str:
        """Start the server, making the cluster and the database first when there are none.

        Returns
        -------
        str
            SQLAlchemy URL of the database `overread`, for the role that owns it.

        Raises
        ------
        FolderInUse
            Another live process runs the PostgreSQL of this folder, or this one does already.
        NoPostgres
            No programs of the cluster's version.
        EmbeddedPostgresError
            It did not start; the message holds its last words.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock.acquire()
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self._url(ROLE, DATABASE)

    def stop(self) -> None:
        """Stop the server, cleanly if it lets us, and give the folder free. Idempotent."""
        try:
            if self._server is not None:
                _end(self._server)
        finally:
            if self._sockets is not None and self._sockets.parent != self.folder:
                _remove_if_empty(self._sockets)
            if self._cluster is not None:
                self._cluster.close()
            if self._log is not None:
                self._log.close()
            self._server = self._sockets = self._cluster = self._log = None
            self._lock.release()

    def __enter__(self) -> str:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the running server's database."""
        if not self.is_running:
            raise EmbeddedPostgresError(f"the PostgreSQL of {self.folder} is not running")
        return self._url(ROLE, DATABASE)

    def _start(self) -> None:
        self._log = RotatingFileHandler(self.folder / "server.log", maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8")
        home = self.folder / "cluster"
        account = server_account(self.folder, home)
        if not home.exists():
            binaries = self._binaries(None, account)
            make_cluster(home, account, binaries, self._log, durable=self._durable)
        self._cluster = Cluster(home, account)
        binaries = self._binaries(self._cluster.major, account)
        orphan.stop(self._cluster)
        self._cluster.admit_only_us()
        self._sockets = make_socket_folder(self.folder, account)
        self._server = self._launch(binaries)
        self._make_database()

    def _binaries(self, major: int | None, account: Account) -> Binaries:
        return reachable_by(account, find_binaries(major, self._source), self.folder)

    def _launch(self, binaries: Binaries) -> Child:
        """Launch the server until it answers."""
        assert self._cluster is not None and self._log is not None
        settings = SETTINGS | ({} if self._durable else NOT_DURABLE)
        command: list[str | Path] = [binaries.postgres, "-D", self._cluster.path, "-k", str(self._sockets)]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        began = time.monotonic()
        while True:
            server = Child(command, self._cluster.account, self._log, keep_open=(self._cluster.descriptor,))
            try:
                if self._answers(server, began + RECOVERY_S):
                    return server
            except BaseException:
                _end(server)
                raise
            # Right after a kill, the old server's back ends still hold its shared memory for a moment.
            left_behind = "shared memory block" in server.last_words or "lock file" in server.last_words
            if not left_behind or time.monotonic() - began > RETRY_S:
                raise EmbeddedPostgresError(f"PostgreSQL did not start:\n{server.last_words}")
            time.sleep(0.2)

    def _answers(self, server: Child, deadline: float) -> bool:
        """Wait until the server takes connections (True) or ends (False)."""
        while server.is_running:
            try:
                psycopg.connect(self._dsn(SUPERUSER, "postgres")).close()
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    raise EmbeddedPostgresError(f"PostgreSQL does not answer: {error}") from error
                time.sleep(0.03)
            else:
                return True
        server.wait(10)
        return False

    def _make_database(self) -> None:
        """Make the role and its database where absent: a start may have been killed between the two.

        The service's role owns its database and is no superuser: that one may read files and run programs.
        """
        with psycopg.connect(self._dsn(SUPERUSER, "postgres"), autocommit=True) as connection:
            role, database = sql.Identifier(ROLE), sql.Identifier(DATABASE)
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone():
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB").format(role))
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, role))

    def _dsn(self, user: str, database: str) -> str:
        return psycopg.conninfo.make_conninfo(
            host=str(self._sockets), port=PORT, user=user, dbname=database, connect_timeout=10
        )

    def _url(self, user: str, database: str) -> str:
        query = {"host": str(self._sockets), "port": str(PORT)}
        url = URL.create("postgresql+psycopg", username=user, database=database, query=query)
        return url.render_as_string(hide_password=False)


def _end(server: Child) -> None:
    for number, patience_s in STOP_STEPS:
        if not server.is_running:
            break
        server.send(number)
        try:
            server.wait(patience_s)
        except subprocess.TimeoutExpired:
            continue


def _remove_if_empty(folder: Path) -> None:
    try:
        os.rmdir(folder)
    except OSError:
        pass  # a socket file is left in it; the next start uses it again


__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError", "FolderInUse"]
