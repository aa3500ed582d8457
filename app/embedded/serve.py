"""`overread serve`: the service, and on one machine everything it needs."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import uvicorn

from app.auth.service import ensure_admin
from app.embedded.postgres import EmbeddedPostgres
from app.embedded.workers import EmbeddedWorkers
from app.kit.database import Database
from app.main import create_app
from app.migrate import is_current, migrate
from app.models.starter import ensure_starter
from app.settings import Settings


class NotMigrated(Exception):
    """The configured database's schema is not this release's."""


@contextmanager
def database_of(settings: Settings) -> Iterator[Settings]:
    """Give settings with a database: the configured one, or a private one that runs while the block does."""
    if settings.database_url is not None:
        yield settings
        return
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with EmbeddedPostgres(settings.data_dir / "postgres") as url:
        yield settings.model_copy(update={"database_url": url})


def prepare(settings: Settings, own_database: bool) -> str | None:
    """Bring the schema up (a configured database's only by `overread migrate`) and register the starter model.

    Gives the first admin key, if one was made.
    """
    database = Database(settings)
    try:
        if own_database:
            migrate(database)
        elif not is_current(database):
            raise NotMigrated("the database's schema is not this release's: run `overread migrate` first")
        with database.begin() as session:
            ensure_starter(session, settings.models_dir)
            return ensure_admin(session, settings.admin_key)
    finally:
        database.close()


def serve(settings: Settings, host: str, port: int) -> None:
    """Run until SIGINT or SIGTERM, then end everything that was started, in order."""
    with ExitStack() as stack:
        own_database = settings.database_url is None
        settings = stack.enter_context(database_of(settings))
        made_key = prepare(settings, own_database)
        if made_key is not None:
            print(f"The first admin key, shown only now:\n\n    {made_key}\n", flush=True)  # noqa: T201
        if settings.broker_url is None:
            stack.enter_context(EmbeddedWorkers(settings))
        config = uvicorn.Config(
            create_app(settings),
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            timeout_keep_alive=75,  # longer than proxies keep a connection: who closes first loses requests
            timeout_graceful_shutdown=5,
            server_header=False,
        )
        server = uvicorn.Server(config)
        print(f"Overread on http://{host}:{port} (API: /docs)", flush=True)  # noqa: T201
        # uvicorn raises the signal that ended it once more; what was started is still to be ended, in order
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        server.run()
