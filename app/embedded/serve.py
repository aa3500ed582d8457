"""`overread serve`: the service, and on one machine everything it needs."""

import errno
import os
import signal
import socket
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import uvicorn

from app.auth import queries as users
from app.auth.service import ensure_admin
from app.auth.sessions.service import link_address, make_link
from app.ecgs.patients import PatientHasher
from app.ecgs.patients.service import check_key
from app.embedded.postgres import EmbeddedPostgres
from app.embedded.workers import EmbeddedWorkers
from app.jobs import queries as jobs
from app.kit.database import Database
from app.kit.explained import Explained
from app.kit.folders import open_folders
from app.kit.store import open_store
from app.main import create_app
from app.migrate import is_current, migrate
from app.models.starter import ensure_starter
from app.predictions import queries as predictions
from app.settings import Settings


class NotMigrated(Explained):
    """The configured database's schema is not this release's."""


class CannotServe(Explained):
    """The service cannot start here; the message says why and what to do."""


def make_data_folder(folder: Path) -> None:
    """Make the data folder, closed to other accounts; one that is there is closed to them."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.stat()
    if stat.S_IMODE(status.st_mode) & 0o077:
        try:
            folder.chmod(0o700)
        except PermissionError as error:
            raise CannotServe(
                f"{folder} is open to other accounts and belongs to user id {status.st_uid}: "
                "run chmod 700 on it, it holds patients' data"
            ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise CannotServe(f"{folder} cannot be written: choose another OVERREAD_DATA_DIR, or change its owner")


@contextmanager
def database_of(settings: Settings) -> Iterator[Settings]:
    """Yield settings with a database: the configured one, or a private one that runs while the block does."""
    if settings.database_url is not None:
        yield settings
        return
    with EmbeddedPostgres(settings.data_dir / "postgres") as url:
        yield settings.model_copy(update={"database_url": url})


class First(NamedTuple):
    """What is shown once: the admin key that was made, and the token of a link that signs the first admin in."""

    key: str | None
    link: str | None


def prepare(settings: Settings, own_database: bool) -> First:
    """Make everything ready for the API, and return what lets the first admin in.

    The schema is brought up (a configured database's only by `overread migrate`), the patient key is checked, the
    starter model registered.
    """
    database = Database(settings)
    try:
        if own_database:
            migrate(database)
            _free_leases(database)
        elif not is_current(database):
            raise NotMigrated("the database's schema is not this release's: run `overread migrate` first")
        with database.begin() as session:
            check_key(session, PatientHasher(settings), may_make=True)
        ensure_starter(database, open_folders(settings, open_store(settings)))
        with database.begin() as session:
            is_new = not users.users(session)
            key = ensure_admin(session, settings.admin_key)
            admin = users.oldest_admin(session) if is_new or key is not None else None
            return First(key, None if admin is None else make_link(session, "setup", admin))
    finally:
        database.close()


def _free_leases(database: Database) -> None:
    """Let the workers take up at once what those of a killed service had; a folder has one service at a time."""
    with database.begin() as session:
        jobs.free_leases(session)
        predictions.free_leases(session)


def listen(host: str, port: int) -> socket.socket:
    """Bind the port before anything else is started or printed; connections are taken once the service is ready."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise CannotServe(f"--host: {host} is no address of this machine: {error.strerror}") from error
    taken = socket.socket(family, kind, protocol)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind(address)
    except OSError as error:
        taken.close()
        if error.errno == errno.EADDRINUSE:
            raise CannotServe(f"port {port} on {host} is in use: choose another with --port") from error
        raise CannotServe(f"cannot listen on {host} port {port}: {error.strerror}") from error
    return taken


def serve(settings: Settings, host: str, port: int) -> None:
    """Run until SIGINT or SIGTERM, then end everything that was started, in order."""
    with ExitStack() as stack:
        listening = stack.enter_context(listen(host, port))
        port = listening.getsockname()[1]
        make_data_folder(settings.data_dir)
        own_database = settings.database_url is None
        settings = stack.enter_context(database_of(settings))
        first = prepare(settings, own_database)
        shown = f"[{host}]" if ":" in host else host
        base = settings.public_url or f"http://{'127.0.0.1' if host in {'0.0.0.0', '::'} else shown}:{port}"  # noqa: S104
        if first.key is not None:
            print(f"The first admin key, shown only now:\n\n    {first.key}\n", flush=True)  # noqa: T201
        if first.link is not None:
            address = link_address(base, first.link)
            print(f"Sign in as the first admin, once, within 15 minutes:\n\n    {address}\n", flush=True)  # noqa: T201
        if settings.broker_url is None:
            stack.enter_context(EmbeddedWorkers(settings))
        config = uvicorn.Config(
            create_app(settings),
            log_config=None,
            access_log=False,
            timeout_keep_alive=75,  # longer than proxies keep a connection: who closes first loses requests
            timeout_graceful_shutdown=5,
            server_header=False,
        )
        server = uvicorn.Server(config)
        print(f"Overread on http://{shown}:{port} (API: /docs)", flush=True)  # noqa: T201
        # uvicorn raises the signal that ended it once more; what was started is still to be ended, in order
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        server.run(sockets=[listening])
