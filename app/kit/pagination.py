"""Keyset pagination: a cursor names the last row of a page, so new rows do not move the pages."""

import base64
import binascii
import json
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, Select, tuple_

from app.kit.problems import invalid

NEXT = "WyIyMDI2LTAzLTAxVDEwOjAyOjExLjQ4MjEzNiswMDowMCIsICJlMjM4OGE5YS05YzExLTQwZjgtODU1ZS01YTk1ZTg5ZmJjYTciXQ"

Limit = Annotated[int, Query(ge=1, le=500, description="Most items a page may hold.")]
Cursor = Annotated[
    str | None,
    Query(max_length=200, description="`next_cursor` of the page before; absent for the first.", examples=[NEXT]),
]


Item = TypeVar("Item")
Row = TypeVar("Row")
Chosen = TypeVar("Chosen", bound=Select[*tuple[Any, ...]])


class Page(BaseModel, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    next_cursor: str | None = Field(
        description="Pass it as `cursor` for the next page; null on the last.", examples=[NEXT]
    )


class Position(NamedTuple):
    """The last row of a page: its time and id."""

    at: datetime
    id: uuid.UUID


def encode(position: Position) -> str:
    """Return a position as an opaque cursor."""
    return (
        base64.urlsafe_b64encode(json.dumps([position.at.isoformat(), str(position.id)]).encode()).decode().rstrip("=")
    )


def decode(cursor: str | None) -> Position | None:
    """Return the position of a cursor. Answers 422 when it is not a cursor of this service."""
    if cursor is None:
        return None
    try:
        at, identifier = json.loads(base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
        position = Position(datetime.fromisoformat(at), uuid.UUID(identifier))
    except (ValueError, TypeError, AttributeError, RecursionError, binascii.Error) as error:
        raise invalid("query.cursor", "is not a cursor this service gave out") from error
    if position.at.tzinfo is None:
        raise invalid("query.cursor", "is not a cursor this service gave out")
    return position


def after(
    statement: Chosen,
    at: ColumnElement[datetime] | Any,
    identifier: Any,
    position: Position | None,
    *,
    limit: int,
) -> Chosen:
    """Return the statement for the page after `position`, newest first, with one row more than `limit`."""
    if position is not None:
        statement = statement.where(tuple_(at, identifier) < tuple_(position.at, position.id))
    return statement.order_by(at.desc(), identifier.desc()).limit(limit + 1)


def page(
    rows: Sequence[Row], limit: int, position_of: Callable[[Row], Position], item_of: Callable[[Row], Item]
) -> Page[Item]:
    """Return the page: at most `limit` rows, and the cursor of the next page where there are more."""
    shown = rows[:limit]
    more = len(rows) > limit
    return Page(
        items=[item_of(row) for row in shown],
        next_cursor=encode(position_of(shown[-1])) if more else None,
    )
