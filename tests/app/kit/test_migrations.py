"""The migrations are the schema: they agree with the models, and go back and forth."""

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect

from app.kit.database import Database
from app.kit.migrate import config
from app.tables import metadata


def _is_ours(item: object, name: str | None, kind: str, *_: object) -> bool:
    return not (kind == "table" and name in ("pairs_0", "pairs_1"))  # partitions


def test_models_and_migrations_agree(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": _is_ours})
        assert compare_metadata(context, metadata) == []


def test_down_and_up_again(database: Database) -> None:
    with database.engine.begin() as connection:
        before = set(inspect(connection).get_table_names())
        command.downgrade(config(connection), "base")
        assert set(inspect(connection).get_table_names()) == {"alembic_version"}
        command.upgrade(config(connection), "head")
        assert set(inspect(connection).get_table_names()) == before
