"""SQL of sites."""

from collections.abc import Sequence

from sqlalchemy import Row, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session

from app.sites.tables import Site


def time_zone(session: Session, name: str) -> str | None:
    """Return a site's time zone, None where it has none."""
    return session.scalar(select(Site.time_zone).where(Site.name == name))


def time_zones(session: Session) -> dict[str, str]:
    """Return the time zones of all sites that have one."""
    return dict(session.execute(select(Site.name, Site.time_zone)).all())


def set_time_zone(session: Session, name: str, time_zone: str) -> None:
    """Give a site a time zone."""
    new = insert(Site).values(name=name, time_zone=time_zone)
    session.execute(new.on_conflict_do_update(index_elements=["name"], set_={"time_zone": time_zone}))


def knows_zone(session: Session, time_zone: str) -> bool:
    """Return whether the database knows a time zone."""
    try:
        with session.begin_nested():
            session.execute(text("SELECT now() AT TIME ZONE :zone"), {"zone": time_zone})
    except DataError:
        return False
    return True


def by_name(session: Session, after: str, limit: int) -> Sequence[Row[str, str | None]]:
    """List the sites of ECGs, and those with a time zone, in the order of their names; one more than `limit`.

    One step in an index finds the next site, however many ECGs it has.
    """
    rows = session.execute(
        text(
            """
            WITH RECURSIVE found (name) AS (
                SELECT least(
                    (SELECT min(site) FROM ecgs WHERE site > :after),
                    (SELECT min(name) FROM sites WHERE name > :after)
                )
                UNION ALL
                SELECT least(
                    (SELECT min(site) FROM ecgs WHERE site > found.name),
                    (SELECT min(name) FROM sites WHERE name > found.name)
                ) FROM found WHERE found.name IS NOT NULL
            )
            SELECT name, time_zone FROM found LEFT JOIN sites USING (name) WHERE name IS NOT NULL LIMIT :limit
            """
        ),
        {"after": after, "limit": limit + 1},
    )
    return rows.all()
