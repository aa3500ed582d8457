"""Reports and their labelings."""

import uuid
from datetime import datetime

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.database import Base, CreatedAt, Id, Json


class StoredText(Base):
    """What reports say, text, codes or both: stored, and labelled, once however many reports say it."""

    __tablename__ = "texts"
    __table_args__ = (
        CheckConstraint("num_nonnulls(text, codes) > 0", name="text_or_codes"),
        CheckConstraint("length(sha256) = 32", name="sha256"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    sha256: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    text: Mapped[str | None]
    codes: Mapped[list[Json] | None]


class StoredStatement(Base):
    """A statement's normal form that some vocabulary found nothing in."""

    __tablename__ = "statements"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    normal: Mapped[str] = mapped_column(unique=True)


class Report(Base):
    """One reading of one ECG. Immutable: a correction is a new version, and only the newest is `current`."""

    __tablename__ = "reports"
    __table_args__ = (
        CheckConstraint("source IN ('machine', 'overread')", name="source"),
        CheckConstraint("version > 0", name="version"),
        CheckConstraint("NOT final OR source = 'overread'", name="final"),
        CheckConstraint("blinded IN ('yes', 'no', 'unknown')", name="blinded"),
        CheckConstraint("validated IN ('yes', 'no', 'unknown')", name="validated"),
        UniqueConstraint("ecg_id", "source", "reader", "version"),
        Index(
            "uq_reports_current",
            "ecg_id",
            "source",
            "reader",
            unique=True,
            postgresql_where=text("current"),
        ),
        Index("ix_reports_reader", "reader", postgresql_where=text("current AND source = 'overread' AND reader <> ''")),
    )

    id: Mapped[Id]
    ecg_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("ecgs.id"))  # the unique constraint is its index
    source: Mapped[str]
    reader: Mapped[str] = mapped_column(
        server_default="", comment="empty: not said; not null, so that uniqueness holds for it too"
    )
    version: Mapped[int]
    current: Mapped[bool]
    final: Mapped[bool] = mapped_column(
        server_default=text("false"), comment="the adjudicated over-read: it counts whatever is written later"
    )
    blinded: Mapped[str] = mapped_column(
        server_default="unknown", comment="whether the reader had not seen the machine's text"
    )
    validated: Mapped[str] = mapped_column(server_default="unknown", comment="whether a person has confirmed it")
    text_id: Mapped[int] = mapped_column(ForeignKey("texts.id"), index=True)
    authored_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]


class Labeling(Base):
    """What one vocabulary reads in one text: four masks (bit i is the vocabulary's label i) and the findings.

    `unmapped` are the ids of its statements that gave no finding. `stance` says whether the text reads the tracing,
    agrees with the machine, says that the tracing cannot be read, or is in a language that is not read. Relabelling
    adds rows; it never changes them.
    """

    __tablename__ = "labelings"
    __table_args__ = (
        CheckConstraint("stance IN ('read', 'agrees', 'unreadable', 'unread')", name="stance"),
        Index("ix_labelings_unread", "vocabulary_id", "text_id", postgresql_where=text("stance::text = 'unread'")),
    )

    vocabulary_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("vocabularies.id"), primary_key=True)
    text_id: Mapped[int] = mapped_column(ForeignKey("texts.id"), primary_key=True, index=True)
    present: Mapped[int] = mapped_column(BigInteger)
    uncertain: Mapped[int] = mapped_column(BigInteger)
    negated: Mapped[int] = mapped_column(BigInteger)
    historical: Mapped[int] = mapped_column(BigInteger)
    findings: Mapped[list[Json]]
    unmapped: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), comment="ids of statements")
    stance: Mapped[str] = mapped_column(server_default="read")
    created_at: Mapped[CreatedAt]
