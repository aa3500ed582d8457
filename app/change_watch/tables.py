"""What the change watch keeps: how far it has counted, its streams, their days, and alarms."""

import uuid
from datetime import date, datetime

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, Integer, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.database import Base, CreatedAt, Id, Json


class Watch(Base):
    """The watch of the real or the simulated ECGs under one vocabulary. Its row is locked while days are counted."""

    __tablename__ = "watches"
    __table_args__ = (UniqueConstraint("vocabulary_id", "simulated"),)

    id: Mapped[Id]
    vocabulary_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("vocabularies.id"))
    simulated: Mapped[bool]
    counted_to: Mapped[date | None] = mapped_column(comment="the last day that was counted; it is never counted again")
    looked_at: Mapped[datetime | None] = mapped_column(comment="when a worker last looked whether a day can be counted")
    created_at: Mapped[CreatedAt]


class WatchStream(Base):
    """A software version of a device at a site; ids of `attribute_values`, 0 where it is not known."""

    __tablename__ = "watch_streams"
    __table_args__ = (
        UniqueConstraint("watch_id", "site_id", "device_id", "device_software_id", name="uq_watch_streams_of"),
    )

    id: Mapped[Id]
    watch_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("watches.id", ondelete="CASCADE"))
    site_id: Mapped[int]
    device_id: Mapped[int]
    device_software_id: Mapped[int]
    compared_with: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("watch_streams.id", ondelete="CASCADE"), comment="the version before, whose reference it has"
    )
    first_day: Mapped[date]
    last_day: Mapped[date]
    pairs: Mapped[int]
    charts: Mapped[list[Json]]
    created_at: Mapped[CreatedAt]


class WatchDay(Base):
    """What was counted of a stream on a day; arrays in the order of the vocabulary's labels.

    `statistics` are those of the charts at the end of the day, all labels added and then all removed.
    """

    __tablename__ = "watch_days"

    stream_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("watch_streams.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    pairs: Mapped[int]
    machine: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    added: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    removed: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    statistics: Mapped[list[int]] = mapped_column(ARRAY(Integer))


class WatchAlarm(Base):
    """A chart that rang. Until somebody answers, it is not counted further."""

    __tablename__ = "watch_alarms"
    __table_args__ = (
        CheckConstraint("direction IN ('added', 'removed')", name="direction"),
        CheckConstraint("verdict IN ('change', 'chance')", name="verdict"),
        CheckConstraint("num_nulls(verdict, answered_at, answered_by) IN (0, 3)", name="answered"),
        Index(
            "uq_watch_alarms_open",
            "stream_id",
            "label",
            "direction",
            unique=True,
            postgresql_where=text("verdict IS NULL"),
        ),
        Index("ix_watch_alarms_newest", text("rung_at DESC"), text("id DESC")),
    )

    id: Mapped[Id]
    stream_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("watch_streams.id", ondelete="CASCADE"))
    label: Mapped[str]
    direction: Mapped[str]
    day: Mapped[date] = mapped_column(comment="of the readings that made it ring")
    since: Mapped[date] = mapped_column(comment="the day from which the statistic has been above 0")
    readings: Mapped[int] = mapped_column(comment="since then")
    events: Mapped[int]
    reference_readings: Mapped[int]
    reference_events: Mapped[int]
    statistic: Mapped[int]
    limit: Mapped[int]
    rung_at: Mapped[datetime] = mapped_column(server_default=func.now())
    verdict: Mapped[str | None]
    note: Mapped[str | None]
    answered_by: Mapped[str | None]
    answered_at: Mapped[datetime | None]
