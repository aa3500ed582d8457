"""SQL of sites."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.sites.tables import Site


def time_zones(session: Session) -> dict[str, str]:
    """Return the time zones of all sites that have one."""
    return dict(session.execute(select(Site.name, Site.time_zone)).all())


def time_zone(session: Session, name: str) -> str | None:
    """Return a site's time zone, None where it has none."""
    return session.scalar(select(Site.time_zone).where(Site.name == name))
