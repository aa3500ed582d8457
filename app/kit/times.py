"""Times as clients send and get them: in UTC, and in the range of both PostgreSQL and Python."""

import re
from datetime import UTC, date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, AwareDatetime, BeforeValidator

from app.kit.problems import invalid

_BEGINS = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _written_out(value: object) -> object:
    """Refuse numbers and strings of digits, which pydantic reads as seconds since 1970."""
    if isinstance(value, date) or (isinstance(value, str) and _BEGINS.match(value)):
        return value
    raise ValueError("is not written as ISO 8601 does: 2026-03-01T10:00:00Z")


def _in_utc(value: datetime) -> datetime:
    try:
        moved = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("is outside the years 1 to 9999 in UTC") from error
    if moved.year == 1:
        raise ValueError("is in the year 1, which usually stands for a time that is not known: leave it out")
    return moved


def written(value: datetime) -> str:
    """Return a time as all answers write it, in UTC: `2026-03-01T10:00:00.123456Z`."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def in_zone(time: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant of a local time in a zone; a time with an offset is returned as it is.

    A time that comes twice, when summer time ends, is the first of the two (`fold=0`). A time that never comes, when
    it begins, is read with the offset before the change: 02:30 is then 03:30 of summer time.
    """
    return time if time.tzinfo is not None else time.replace(tzinfo=zone)


Time = Annotated[datetime, BeforeValidator(_written_out), AfterValidator(_in_utc)]
"""A time without an offset is UTC."""
TimeWithOffset = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(_in_utc)]
"""The offset is required."""


def check_order(begin: datetime | None, end: datetime | None) -> None:
    """Raise the 422 of a query whose `from` is after its `to`."""
    if begin is not None and end is not None and begin > end:
        raise invalid("query.from", "is after `to`")
