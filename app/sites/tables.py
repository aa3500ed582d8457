"""Where ECGs are recorded."""

from sqlalchemy.orm import Mapped, mapped_column

from app.kit.database import Base

DEFAULT_ZONE = "UTC"
"""The time zone of a site that has none, and of ECGs of no known site."""


class Site(Base):
    """A site whose time zone is known."""

    __tablename__ = "sites"

    name: Mapped[str] = mapped_column(primary_key=True)
    time_zone: Mapped[str]
