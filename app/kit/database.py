"""Engine, sessions and the declarative base; the one place a request commits."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any, ClassVar

from fastapi import Depends, Request
from sqlalchemy import DateTime, MetaData, Uuid, create_engine, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

from app.settings import Settings

Json = dict[str, Any]


class Base(DeclarativeBase):
    """Declarative base; constraints are named by convention so that migrations can speak of them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        Json: JSONB(none_as_null=True),
        list[Json]: JSONB(none_as_null=True),
        uuid.UUID: Uuid(),
    }


Id = Annotated[uuid.UUID, mapped_column(primary_key=True, default=uuid.uuid4)]
CreatedAt = Annotated[datetime, mapped_column(server_default=func.now())]


class Database:
    """An engine and its sessions. Owned by the application or the worker, never a module global."""

    def __init__(self, settings: Settings) -> None:
        if settings.database_url is None:
            raise ValueError("OVERREAD_DATABASE_URL is not set and no private PostgreSQL was started")
        self.url = settings.database_url
        self.engine = create_engine(
            self.url,
            pool_size=settings.database_pool_size,
            max_overflow=0,
            pool_pre_ping=True,
            # compiling (jit) costs more than our queries do, and is on by default
            connect_args={"application_name": "overread", "options": "-c timezone=UTC -c jit=off"},
        )
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """Give a session that commits when the block ends and rolls back when it raises."""
        with self._sessions.begin() as session:
            yield session

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


def request_session(request: Request) -> Iterator[Session]:
    """Give the request its one session; the commit precedes the response (`scope="function"`)."""
    database: Database = request.app.state.database
    with database.begin() as session:
        yield session


SessionDep = Annotated[Session, Depends(request_session, scope="function")]

__all__ = ["Base", "CreatedAt", "Database", "Id", "Json", "Mapped", "SessionDep"]
