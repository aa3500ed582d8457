"""Local times of sites."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.sites import queries

DEFAULT_ZONE = "UTC"
"""Of a site that has no zone, and of ECGs of no known site."""


def zone_of(session: Session, site: str | None) -> ZoneInfo:
    """Return the time zone of a site."""
    return ZoneInfo((queries.time_zone(session, site) if site is not None else None) or DEFAULT_ZONE)


def localised(session: Session, site: str | None, naive: datetime) -> datetime:
    """Return the instant of a local time of a site; one that has an offset is returned as it is.

    A time that comes twice, when summer time ends, is the first of the two (`fold=0`). A time that never comes, when
    it begins, is read with the offset before the change: 02:30 is then 03:30 of summer time.
    """
    return naive if naive.tzinfo is not None else naive.replace(tzinfo=zone_of(session, site))
