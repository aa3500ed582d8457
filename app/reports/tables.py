"""Reports and their labelings."""

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.database import Base, CreatedAt, Id, Json


class Report(Base):
    """One reading of one ECG. Immutable: a correction is a new version, and only the newest is `current`."""

    __tablename__ = "reports"
    __table_args__ = (
        CheckConstraint("source IN ('machine', 'overread')", name="source"),
        CheckConstraint("(text IS NULL) <> (codes IS NULL)", name="text_or_codes"),
        CheckConstraint("version > 0", name="version"),
        UniqueConstraint("ecg_id", "source", "reader", "version"),
        Index(
            "uq_reports_current",
            "ecg_id",
            "source",
            "reader",
            unique=True,
            postgresql_where=text("current"),
        ),
    )

    id: Mapped[Id]
    ecg_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("ecgs.id"), index=True)
    source: Mapped[str]
    reader: Mapped[str] = mapped_column(
        server_default="", comment="empty: not said; not null, so that uniqueness holds for it too"
    )
    version: Mapped[int]
    current: Mapped[bool]
    text: Mapped[str | None]
    codes: Mapped[list[Json] | None]
    authored_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]


class Labeling(Base):
    """What one vocabulary read in one report: four masks (bit i is the vocabulary's label i) and the findings.

    Relabelling adds rows; it never changes them.
    """

    __tablename__ = "labelings"
    __table_args__ = (UniqueConstraint("report_id", "vocabulary_id"),)

    id: Mapped[Id]
    report_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("reports.id"))
    vocabulary_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("vocabularies.id"), index=True)
    present: Mapped[int] = mapped_column(BigInteger)
    uncertain: Mapped[int] = mapped_column(BigInteger)
    negated: Mapped[int] = mapped_column(BigInteger)
    historical: Mapped[int] = mapped_column(BigInteger)
    findings: Mapped[list[Json]]
    created_at: Mapped[CreatedAt]
