"""Pairs, the dictionaries they refer to, and what is counted of them as they change.

`pairs` is the truth. `pair_deltas` and `changes` follow from it in the same transaction, by triggers (migration 0031):
whoever writes pairs, by whatever way, cannot forget them. `pair_totals` and `pair_columns` are folded from
`pair_deltas`. Each has two partitions, one a slot.
"""

import uuid
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.database import Base, CreatedAt, Id, Json
from ml.formats.ecg_file import MEASURED

BY_SLOT = "LIST (slot)"
OF_A_SLOT = ("pairs", "changes", "pair_deltas", "pair_totals", "pair_columns")
"""The tables that have a partition a slot."""


class Cell(Base):
    """One distinct combination of the four masks; many pairs share one, so tables count cells, not pairs.

    A pair of which a report cannot be read has a cell that says why (`left_out`, see `statistics.py`) and no masks: it
    is counted apart. Never changed once it is there: who has read a cell need not read it again.
    """

    __tablename__ = "cells"
    __table_args__ = (
        UniqueConstraint(
            *("machine_present", "machine_uncertain", "overread_present", "overread_uncertain", "left_out"),
            name="uq_cells_masks",
        ),
        CheckConstraint(
            "left_out BETWEEN 0 AND 7 AND (left_out = 0 OR (machine_present | machine_uncertain | overread_present "
            "| overread_uncertain) = 0)",
            name="left_out",
        ),
    )

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    machine_present: Mapped[int] = mapped_column(BigInteger)
    machine_uncertain: Mapped[int] = mapped_column(BigInteger)
    overread_present: Mapped[int] = mapped_column(BigInteger)
    overread_uncertain: Mapped[int] = mapped_column(BigInteger)
    left_out: Mapped[int] = mapped_column(
        SmallInteger, server_default=text("0"), comment="why it is not compared: 1, 2 unread; 4 unreadable"
    )


class CellOutcome(Base):
    """The outcomes of a cell: one for each label on which its readings differ, one with their count (`outcomes.py`)."""

    __tablename__ = "cell_outcomes"

    cell_id: Mapped[int] = mapped_column(ForeignKey("cells.id"), primary_key=True)
    outcome: Mapped[int] = mapped_column(Integer, primary_key=True)


class AttributeValue(Base):
    """The name of a site, care unit, device, its software or a reader; pairs hold its id, 0 where nothing is known."""

    __tablename__ = "attribute_values"
    __table_args__ = (
        UniqueConstraint("attribute", "value"),
        CheckConstraint("attribute IN ('site', 'location', 'device', 'device_software', 'reader')", name="attribute"),
    )

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    attribute: Mapped[str]
    value: Mapped[str]


class Pair(Base):
    """An ECG with a current machine report and a current over-read, under the vocabulary of its slot.

    Two partitions, `pairs_0` and `pairs_1`: while one vocabulary is active, the pairs of the next are made beside it.
    `month` is 12 · year + month - 1 (UTC), `age_years` the age rounded down, both -1 where not known; `sex` is
    ISO 5218: 0 not known, 1 male, 2 female. `hour` (0-23) and `weekday` (1-7, Monday first) are those of the site's
    time zone, -1 where not known. `blinded` and `validated` are those of the over-read: 0 not known, 1 yes, 2 no. What
    the device measured is rounded to whole numbers.
    """

    __tablename__ = "pairs"
    __table_args__ = (
        # all that is read of the pairs at the edges of a range
        Index("ix_pairs_recorded_at", "recorded_at", "cell_id", "simulated", "blinded", "validated"),
        Index("ix_pairs_age", "age", "cell_id", "simulated", "blinded", "validated"),
        {"postgresql_partition_by": BY_SLOT},
    )

    # wide columns first: no padding between them
    recorded_at: Mapped[datetime | None]
    age: Mapped[float | None]
    # No foreign keys: neither ECGs nor cells are ever deleted. To check one is to write a lock into the row it names:
    # a cell's is shared by all writers, and an activation would write every ECG.
    ecg_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    cell_id: Mapped[int]
    site_id: Mapped[int] = mapped_column(server_default=text("0"))
    device_id: Mapped[int] = mapped_column(server_default=text("0"))
    device_software_id: Mapped[int] = mapped_column(server_default=text("0"))
    reader_id: Mapped[int] = mapped_column(server_default=text("0"))
    month: Mapped[int] = mapped_column(
        Integer,
        Computed(
            "COALESCE((EXTRACT(year FROM recorded_at AT TIME ZONE 'UTC') * 12 "
            "+ EXTRACT(month FROM recorded_at AT TIME ZONE 'UTC') - 1)::integer, -1)",
            persisted=True,
        ),
    )
    slot: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    age_years: Mapped[int] = mapped_column(SmallInteger, Computed("COALESCE(floor(age)::smallint, -1)", persisted=True))
    sex: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    simulated: Mapped[bool] = mapped_column(server_default=text("false"))
    location_id: Mapped[int] = mapped_column(server_default=text("0"))
    hour: Mapped[int] = mapped_column(SmallInteger, server_default=text("-1"))
    weekday: Mapped[int] = mapped_column(SmallInteger, server_default=text("-1"))
    blinded: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    validated: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    heart_rate: Mapped[int | None] = mapped_column(SmallInteger)
    pr_ms: Mapped[int | None] = mapped_column(SmallInteger)
    qrs_ms: Mapped[int | None] = mapped_column(SmallInteger)
    qt_ms: Mapped[int | None] = mapped_column(SmallInteger)
    qtc_ms: Mapped[int | None] = mapped_column(SmallInteger)
    p_axis: Mapped[int | None] = mapped_column(SmallInteger)
    qrs_axis: Mapped[int | None] = mapped_column(SmallInteger)
    t_axis: Mapped[int | None] = mapped_column(SmallInteger)


pair_deltas = Table(
    "pair_deltas",
    Base.metadata,
    Column("cell_id", Integer, nullable=False),
    Column("site_id", Integer, nullable=False),
    Column("device_id", Integer, nullable=False),
    Column("device_software_id", Integer, nullable=False),
    Column("reader_id", Integer, nullable=False),
    Column("month", Integer, nullable=False),
    Column("slot", SmallInteger, nullable=False),
    Column("age_years", SmallInteger, nullable=False),
    Column("sex", SmallInteger, nullable=False),
    Column("simulated", Boolean, nullable=False),
    Column("blinded", SmallInteger, nullable=False, server_default=text("0")),
    Column("validated", SmallInteger, nullable=False, server_default=text("0")),
    Column("pairs", SmallInteger, nullable=False, comment="1: a pair came; -1: it went"),
    Column("recorded_at", DateTime(timezone=True), nullable=True),
    Column("age", Double, nullable=True),
    Column("location_id", Integer, nullable=False, server_default=text("0")),
    Column("hour", SmallInteger, nullable=False, server_default=text("-1")),
    Column("weekday", SmallInteger, nullable=False, server_default=text("-1")),
    *(Column(name, SmallInteger, nullable=True) for name in MEASURED),
    comment="changes not yet in pair_totals and pair_columns; only ever appended, until they are folded",
    postgresql_partition_by=BY_SLOT,
)

pair_columns = Table(
    "pair_columns",
    Base.metadata,
    Column("slot", SmallInteger, nullable=False),
    Column("size", Integer, nullable=False, comment="how many changes it holds"),
    Column("net", Integer, nullable=False, comment="the sum of their pairs"),
    Column("made_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    *(Column(column.name, LargeBinary, nullable=False) for column in pair_deltas.c if column.name != "slot"),
    comment="blocks of changes of pairs, without what pair_deltas holds: bytes by column, see columns/layout.py",
    postgresql_partition_by=BY_SLOT,
)

pair_totals = Table(
    "pair_totals",
    Base.metadata,
    Column("facet", SmallInteger, nullable=False, comment="which attribute: see counting/queries.py"),
    Column("value", Integer, nullable=False, comment="its id, code, month or age"),
    Column("cell_id", Integer, nullable=False),
    Column("slot", SmallInteger, nullable=False),
    Column("simulated", Boolean, nullable=False),
    Column("pairs", BigInteger, nullable=False),
    Column("blinded", SmallInteger, nullable=False, server_default=text("0")),
    Column("validated", SmallInteger, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("simulated", "facet", "value", "cell_id", "blinded", "validated", "slot"),
    comment="pairs by kind (simulated, blinded, validated), one attribute and cell, without what pair_deltas holds",
    postgresql_partition_by=BY_SLOT,
)

changes = Table(
    "changes",
    Base.metadata,
    Column("recorded_at", DateTime(timezone=True), nullable=False, comment="0001-01-01 where not known: it sorts last"),
    Column("age", Double, nullable=True),
    Column("ecg_id", Uuid, nullable=False),
    Column("outcome", Integer, nullable=False),
    Column("site_id", Integer, nullable=False),
    Column("device_id", Integer, nullable=False),
    Column("device_software_id", Integer, nullable=False),
    Column("reader_id", Integer, nullable=False),
    Column("sex", SmallInteger, nullable=False),
    Column("slot", SmallInteger, nullable=False),
    Column("simulated", Boolean, nullable=False),
    Column("location_id", Integer, nullable=False, server_default=text("0")),
    Column("blinded", SmallInteger, nullable=False, server_default=text("0")),
    Column("validated", SmallInteger, nullable=False, server_default=text("0")),
    *(Column(name, SmallInteger) for name in MEASURED),
    PrimaryKeyConstraint("outcome", "simulated", "recorded_at", "ecg_id", "slot"),
    Index("ix_changes_site", "outcome", "site_id", "recorded_at", "ecg_id"),
    Index("ix_changes_device", "outcome", "device_id", "recorded_at", "ecg_id"),
    Index("ix_changes_device_software", "outcome", "device_software_id", "recorded_at", "ecg_id"),
    Index("ix_changes_reader", "outcome", "reader_id", "recorded_at", "ecg_id"),
    Index("ix_changes_sex", "outcome", "simulated", "sex", "recorded_at", "ecg_id"),
    Index("ix_changes_age", "outcome", "simulated", "age"),
    comment="a row for each outcome of a pair's cell: what a drill-down lists",
    postgresql_partition_by=BY_SLOT,
)


class Snapshot(Base):
    """A question about disagreement with the answer it had, which nothing that arrives later changes."""

    __tablename__ = "disagreement_snapshots"
    __table_args__ = (Index("ix_disagreement_snapshots_newest", text("created_at DESC"), text("id DESC")),)

    id: Mapped[Id]
    name: Mapped[str | None]
    created_by: Mapped[str]
    created_at: Mapped[CreatedAt]
    vocabulary: Mapped[str]
    query: Mapped[Json]
    answer: Mapped[Json]
