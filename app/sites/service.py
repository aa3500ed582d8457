"""Time zones of sites, and local times in them."""

from datetime import datetime
from zoneinfo import ZoneInfo, available_timezones

from sqlalchemy.orm import Session

from app.disagreement.pairs.queries import move_to_zone
from app.kit import audit
from app.kit.problems import invalid
from app.kit.times import in_zone
from app.sites import queries
from app.sites.schemas import SiteList, SiteOut
from app.sites.tables import DEFAULT_ZONE
from app.vocabularies.queries import wait_for_writers


def zone_of(session: Session, site: str | None) -> ZoneInfo:
    """Return the time zone of a site."""
    return ZoneInfo((queries.time_zone(session, site) if site is not None else None) or DEFAULT_ZONE)


def localised(session: Session, site: str | None, naive: datetime) -> datetime:
    """Return the instant of a local time of a site; a time with an offset is returned as it is.

    The rule is `in_zone`'s; the zone is looked up only for a time without an offset.
    """
    return naive if naive.tzinfo is not None else in_zone(naive, zone_of(session, site))


def listed(session: Session, after: str, limit: int) -> SiteList:
    """List sites by name, those that follow `after`."""
    rows = queries.by_name(session, after, limit)
    shown = [outside(name, zone) for name, zone in rows[:limit]]
    return SiteList(items=shown, next_after=shown[-1].name if len(rows) > limit else None)


def set_time_zone(session: Session, actor: str, name: str, time_zone: str) -> SiteOut:
    """Give a site a time zone, and its pairs their hours and weekdays in it; a 422 for a zone that is not known.

    Waits for those who write pairs, and holds them off until the transaction ends: none is left in the old zone.
    """
    if time_zone not in available_timezones() or not queries.knows_zone(session, time_zone):
        raise invalid("time_zone", "is no time zone of the IANA database, such as Europe/Berlin", "unknown")
    wait_for_writers(session)
    before = queries.time_zone(session, name)
    if before != time_zone:
        queries.set_time_zone(session, name, time_zone)
        move_to_zone(session, name, time_zone)
        audit.record(
            session,
            actor,
            "update",
            "site",
            resource_id=name,
            before={"time_zone": before},
            after={"time_zone": time_zone},
        )
    return outside(name, time_zone)


def outside(name: str, time_zone: str | None) -> SiteOut:
    """Show a site."""
    return SiteOut(name=name, time_zone=time_zone or DEFAULT_ZONE, is_default=time_zone is None)
