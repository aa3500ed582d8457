"""Pairs, and the dictionary of the mask combinations they hold."""

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, Integer, SmallInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.database import Base


class Cell(Base):
    """One distinct combination of the four masks; many pairs share one, so tables count cells, not pairs."""

    __tablename__ = "cells"
    __table_args__ = (
        UniqueConstraint(
            "machine_present", "machine_uncertain", "overread_present", "overread_uncertain", name="uq_cells_masks"
        ),
    )

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    machine_present: Mapped[int] = mapped_column(BigInteger)
    machine_uncertain: Mapped[int] = mapped_column(BigInteger)
    overread_present: Mapped[int] = mapped_column(BigInteger)
    overread_uncertain: Mapped[int] = mapped_column(BigInteger)


class Pair(Base):
    """An ECG with a current machine report and a current over-read, under the vocabulary of its slot.

    Two partitions, `pairs_0` and `pairs_1`: while one vocabulary is active, the pairs of the next are made beside it.
    """

    __tablename__ = "pairs"
    __table_args__ = (
        Index(None, "cell_id", "ecg_id"),
        Index(None, "recorded_at", "cell_id"),
        {"postgresql_partition_by": "LIST (slot)"},
    )

    slot: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    ecg_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("ecgs.id"), primary_key=True)
    cell_id: Mapped[int] = mapped_column(ForeignKey("cells.id"))
    recorded_at: Mapped[datetime | None]
    site: Mapped[str | None]
    device: Mapped[str | None]
    reader: Mapped[str]
    sex: Mapped[str]
    age: Mapped[float | None]
