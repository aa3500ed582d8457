"""Engine, sessions and the declarative base; the one place a request commits."""

import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from typing import Annotated, Any, ClassVar, TypeVar

import anyio
import psycopg
from fastapi import Depends
from sqlalchemy import Connection, DateTime, Engine, MetaData, Uuid, create_engine, event, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from starlette.concurrency import run_in_threadpool

from app.kit.admission import Admission
from app.kit.state import from_app
from app.settings import Settings

Json = dict[str, Any]
Result = TypeVar("Result")

TRANSIENT = (OperationalError, InterfaceError, PoolTimeout)
"""Errors of a database that is down, restarts or drops a connection: the same work may succeed when repeated."""

LONGEST_QUEUE = 1_000  # requests that wait for a connection
CONNECTING: Json = {
    "application_name": "overread",
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds after which a silent connection is given up
}


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
    """An engine and its sessions. Owned by the application or the worker, never a module global.

    Requests wait for `admission`, where they hold neither a thread nor a connection. The pool has as many connections
    as are admitted, so no thread ever waits for one.
    """

    def __init__(self, settings: Settings, *, lock_timeout_s: float = 0) -> None:
        """Make the engine, which connects when it is used. A lock that takes longer than `lock_timeout_s` fails."""
        if settings.database_url is None:
            raise ValueError("OVERREAD_DATABASE_URL is not set and no private PostgreSQL was started")
        self.url = settings.database_url
        self.engine = create_engine(
            self.url,
            pool_size=settings.database_pool_size,
            max_overflow=0,
            pool_timeout=10,
            hide_parameters=True,  # parameters are rows, and rows are patients'; errors must not print them
            connect_args={
                **CONNECTING,
                # compiling (jit) costs more than our queries do, and is on by default
                "options": f"-c timezone=UTC -c jit=off -c lock_timeout={lock_timeout_s * 1000:.0f}",
            },
        )
        _give_only_living(self.engine)
        self.admission = Admission(
            settings.database_pool_size, longest_queue=LONGEST_QUEUE, patience_s=settings.database_patience_s
        )
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)
        event.listen(self._sessions, "before_commit", _call_before_commit)

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """Open a session that commits when the block ends and rolls back when it raises."""
        with self._sessions.begin() as session:
            yield session

    @asynccontextmanager
    async def begin_admitted(self) -> AsyncIterator[Session]:
        """Open a session as `begin` does, from an event loop: wait for admission, and commit in a thread."""
        async with self.admission.admit():
            session = self._sessions()  # connects at its first statement
            try:
                yield session
                await run_in_threadpool(session.commit)
            except BaseException:
                with anyio.CancelScope(shield=True):
                    await run_in_threadpool(session.rollback)
                raise
            finally:
                session.close()

    async def run(self, work: Callable[[Session], Result]) -> Result:
        """Return what `work` returns, called in a thread with a session of its own, which commits there, too."""
        async with self.admission.admit():
            return await run_in_threadpool(self._committed, work)

    def _committed(self, work: Callable[[Session], Result]) -> Result:
        with self.begin() as session:
            return work(session)

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


def _give_only_living(engine: Engine) -> None:
    """Let the pool replace connections that the server has ended, or that do not answer, before they are used.

    A connection is asked by beginning its transaction, for which psycopg would send a message of its own otherwise: so
    it costs nothing. SQLAlchemy's `pool_pre_ping` asks, and then begins.
    """

    @event.listens_for(engine, "checkout")
    def begin(connection: psycopg.Connection[Any], *_: object) -> None:
        try:
            begun = connection.pgconn.exec_(b"BEGIN").status
        except psycopg.Error as error:
            raise DisconnectionError from error
        if begun != psycopg.pq.ExecStatus.COMMAND_OK:
            raise DisconnectionError

    @event.listens_for(engine, "set_connection_execution_options")
    def end(connection: Connection, options: Json) -> None:
        if "isolation_level" in options:  # which cannot be changed in a transaction
            connection.connection.rollback()


_BEFORE_COMMIT = "before_commit"


def before_commit(session: Session, call: Callable[[Session], None]) -> None:
    """Have something called once, in the transaction, when it is about to be committed.

    `sqlalchemy.event` would do it; to register a listener for one session takes it longer than a statement.
    """
    session.info.setdefault(_BEFORE_COMMIT, []).append(call)


def _call_before_commit(session: Session) -> None:
    for call in session.info.pop(_BEFORE_COMMIT, ()):
        call(session)


DatabaseDep = Annotated[Database, from_app("database")]


async def request_session(database: DatabaseDep) -> AsyncIterator[Session]:
    """Return the request's one session; the commit precedes the response (`scope="function"`)."""
    async with database.begin_admitted() as session:
        yield session


SessionDep = Annotated[Session, Depends(request_session, scope="function")]

__all__ = ["Base", "CreatedAt", "Database", "DatabaseDep", "Id", "Json", "Mapped", "SessionDep"]
