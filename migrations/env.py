"""Alembic's entry: migrations run on the connection they are handed, or on `OVERREAD_DATABASE_URL`."""

from alembic import context
from sqlalchemy import Connection

from app.kit.database import Database
from app.settings import load_settings
from app.tables import metadata


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with Database(load_settings()).engine.begin() as connection:
        run(connection)
