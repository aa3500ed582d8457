"""What every command uses: its settings, its database, and how it speaks."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import typer
from sqlalchemy.orm import Session

from app.kit.terminal import printable
from app.settings import Settings, load_settings

if TYPE_CHECKING:
    from app.imports.loader import Loaded
    from app.kit.database import Database


def read_settings() -> Settings:
    """Return this process's settings, and set up its logs by them."""
    from app.kit import logs

    settings = load_settings()
    logs.configure(settings.log_json)
    return settings


@contextmanager
def open_session() -> Iterator[Session]:
    """Open a session on the service's database; what is done in the block commits at its end."""
    with open_database() as (database, _), database.begin() as session:
        yield session


@contextmanager
def open_database() -> "Iterator[tuple[Database, Settings]]":
    """Open the service's database: the configured one, or the private one, started for this if nobody runs it.

    Nothing is created. A folder without a service ends the command: an empty service that a typing mistake made would
    take users and readings that nobody finds again.
    """
    from app.embedded.postgres import has_database, running_url
    from app.embedded.serve import NotMigrated, database_of
    from app.kit.database import Database
    from app.migrate import is_current
    from app.migrate import migrate as bring_up

    settings = read_settings()
    private = settings.data_dir / "postgres"
    if settings.database_url is None and not has_database(private):
        fail(
            f"there is no Overread service in {settings.data_dir}: run this in the folder where `overread serve` runs, "
            "or name its data with OVERREAD_DATA_DIR, or its database with OVERREAD_DATABASE_URL"
        )
    if settings.database_url is None and (url := running_url(private)):
        settings = settings.model_copy(update={"database_url": url})  # `overread serve` runs on this folder
    with database_of(settings) as complete:
        database = Database(complete)
        try:
            if settings.database_url is None:
                bring_up(database)
            elif not is_current(database):
                raise NotMigrated("the database's schema is not this release's: run `overread migrate` first")
            yield database, complete
        finally:
            database.close()


@contextmanager
def open_archive() -> "Iterator[tuple[Database, Settings]]":
    """Open the database for readings to be stored: the patient key has to be the archive's."""
    from app.ecgs.patients import PatientHasher
    from app.ecgs.patients.service import check_key

    with open_database() as (database, settings):
        with database.begin() as session:
            check_key(session, PatientHasher(settings), may_make=False)
        yield database, settings


def loading_progress() -> "Callable[[Loaded], None]":
    """Return a listener that says how far a load is, at most once in five seconds."""
    start = said = time.monotonic()

    def tell(loaded: "Loaded") -> None:
        nonlocal said
        if time.monotonic() - said > 5:
            said = time.monotonic()
            say(f"{loaded.lines:,} readings in {said - start:.0f} s")

    return tell


def show(text: str) -> None:
    """Print a result, harmless to the terminal. CSV ends its lines with CR LF, which become the system's own."""
    typer.echo(printable(text.replace("\r\n", "\n")))


def say(message: str) -> None:
    """Print a message on standard error, harmless to the terminal."""
    typer.echo(printable(f"overread: {message}"), err=True)


def fail(message: str) -> NoReturn:
    """Print what is wrong and end with status 2."""
    say(message)
    raise typer.Exit(2)
