"""The schema comes to be by migrations alone; this runs them."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from app.kit.database import Database
from app.vocabularies.service import install_builtin

_SCRIPTS = Path(__file__).resolve().parents[1] / "migrations"
_LOCK = 0x6D696772


def config(connection: Connection | None = None) -> Config:
    """Configure Alembic for a connection."""
    configuration = Config()
    configuration.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    configuration.attributes["connection"] = connection
    return configuration


@cache
def newest_revision() -> str | None:
    """Say which revision this release's schema has."""
    return ScriptDirectory.from_config(config()).get_current_head()


def migrate(database: Database) -> None:
    """Bring the schema to this release's and make sure its vocabulary is there; two at once wait for each other."""
    with database.engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        command.upgrade(config(connection), "head")
    with database.begin() as session:
        install_builtin(session)


def is_current(database: Database) -> bool:
    """Return whether the schema is this release's."""
    with database.begin() as session:
        return schema_is_current(session)


def schema_is_current(session: Session) -> bool:
    """Return whether the schema is this release's."""
    return MigrationContext.configure(session.connection()).get_current_revision() == newest_revision()
