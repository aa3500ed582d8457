"""A private PostgreSQL below one folder, for as long as this process lives."""

import logging
from contextlib import ExitStack, suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path
from threading import Event, Thread
from types import TracebackType

import structlog
from psycopg import sql
from sqlalchemy import URL

from app.embedded import orphan
from app.embedded.account import server_account
from app.embedded.binaries import Source, find_binaries, reachable_by
from app.embedded.cluster import DATABASE, ROLE, Cluster, clear_half_made, make_cluster
from app.embedded.errors import EmbeddedPostgresError, FolderInUse, NoPostgres
from app.embedded.lock import FolderLock
from app.embedded.server import Server
from app.embedded.socket_folder import PORT, make_socket_folder

LOG_BYTES = 5_000_000
RESTART_PAUSE_S = 5.0

log = structlog.get_logger(__name__)


class EmbeddedPostgres:
    """PostgreSQL in `folder`: made on first use, kept between runs, started again when it ends by itself.

    Parameters
    ----------
    folder
        Its folder, made when absent: `cluster` (PostgreSQL's own), `server.log`, `lock`, and `socket` where the path
        is short and open enough for one.
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
        self._server: Server | None = None
        self._held = ExitStack()

    @property
    def is_running(self) -> bool:
        """Whether the server process runs."""
        return self._server is not None and self._server.is_running

    @property
    def pid(self) -> int | None:
        """Process id of the server while it runs."""
        return self._server.pid if self._server is not None else None

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
        with ExitStack() as held:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            held.enter_context(FolderLock(self.folder / "lock"))
            self.folder.chmod(0o700)
            sockets = self._start(held)
            self._held = held.pop_all()
        return _url(sockets)

    def stop(self) -> None:
        """Stop the server, cleanly if possible, and release the folder. Does nothing when it is stopped."""
        self._held.close()
        self._server = None

    def __enter__(self) -> str:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self, held: ExitStack) -> Path:
        """Start, and return the socket folder; `held` gets what undoes each step."""
        home = self.folder / "cluster"
        account = server_account(self.folder, home)
        server_log = _server_log(self.folder / "server.log")
        held.callback(server_log.close)
        clear_half_made(home)
        if not home.exists():
            newest = reachable_by(account, find_binaries(None, self._source), self.folder)
            make_cluster(home, account, newest, server_log, durable=self._durable)
        cluster = held.enter_context(Cluster(home, account))
        binaries = reachable_by(account, find_binaries(cluster.major, self._source), self.folder)
        orphan.stop(cluster)
        cluster.admit_only_us()
        sockets = make_socket_folder(self.folder, account)
        held.callback(_remove_if_empty, sockets)

        server = self._server = Server(binaries, cluster, sockets, server_log, durable=self._durable)
        held.callback(server.stop)
        server.start()
        _make_database(server)
        held.enter_context(_Watch(server, cluster))
        return sockets


class _Watch:
    """Starts the server again when it ends by itself, for example when the kernel kills it for memory."""

    def __init__(self, server: Server, cluster: Cluster) -> None:
        self._server = server
        self._cluster = cluster
        self._asked = Event()
        self._thread = Thread(target=self._run, name="embedded-postgres-watch", daemon=True)

    def _run(self) -> None:
        while True:
            self._server.wait()
            if self._asked.is_set():
                return
            log.error("embedded_postgres_ended")
            try:
                orphan.stop(self._cluster)
                self._server.start()
            except EmbeddedPostgresError as error:
                log.error("embedded_postgres_does_not_start", reason=str(error))
                self._asked.wait(RESTART_PAUSE_S)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._asked.set()
        while self._thread.is_alive():  # it may be about to start the server once more
            self._server.stop()
            self._thread.join(0.1)


def has_database(folder: Path) -> bool:
    """Return whether a private PostgreSQL was ever made in `folder`."""
    return (folder / "cluster").exists()


def running_url(folder: Path) -> str | None:
    """Return the URL of the server that another process runs on `folder`, None when there is none.

    For commands beside a running `overread serve`, by the same account.
    """
    home = folder.absolute() / "cluster"
    if not home.exists():
        return None
    with Cluster(home, server_account(folder, home)) as cluster:
        sockets = orphan.sockets_of_running(cluster)
    return _url(sockets) if sockets else None


def _make_database(server: Server) -> None:
    """Make the role and its database where absent: a start may have been killed between the two.

    The service's role owns its database and is not a superuser, because a superuser can read files and run programs.
    """
    role, database = sql.Identifier(ROLE), sql.Identifier(DATABASE)
    with server.connect() as connection:
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone():
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB").format(role))
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, role))


def _server_log(path: Path) -> logging.Handler:
    return RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8", errors="replace")


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):  # a killed server leaves its socket in it; the next start uses it again
        folder.rmdir()


def _url(sockets: Path) -> str:
    query = {"host": str(sockets), "port": str(PORT)}
    return URL.create("postgresql+psycopg", username=ROLE, database=DATABASE, query=query).render_as_string()


__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError", "FolderInUse", "NoPostgres", "has_database", "running_url"]
