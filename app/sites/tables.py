"""Where ECGs are recorded."""

from sqlalchemy.orm import Mapped, mapped_column

from app.kit.database import Base


class Site(Base):
    """A site whose time zone is known; of all others it is UTC."""

    __tablename__ = "sites"

    name: Mapped[str] = mapped_column(primary_key=True)
    time_zone: Mapped[str]
