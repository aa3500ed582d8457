"""What was erased: never what it was."""

import uuid
from datetime import datetime

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, ForeignKey, Identity, Index, LargeBinary, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.database import Base, CreatedAt, Id


class Erasure(Base):
    """One erasure: who, when, how much, and which datasets and models hold what was erased."""

    __tablename__ = "erasures"
    __table_args__ = (
        CheckConstraint("what IN ('ecg', 'patient')", name="what"),
        CheckConstraint("(lifted_by IS NULL) = (lifted_at IS NULL)", name="lifted_by"),
        Index("ix_erasures_newest", text("created_at DESC"), text("id DESC")),
    )

    id: Mapped[Id]
    what: Mapped[str]
    actor: Mapped[str]
    ecgs: Mapped[int]
    reports: Mapped[int]
    texts: Mapped[int]
    predictions: Mapped[int]
    datasets: Mapped[list[uuid.UUID]] = mapped_column(ARRAY(Uuid))
    models: Mapped[list[uuid.UUID]] = mapped_column(ARRAY(Uuid))
    discrepancy_models: Mapped[list[uuid.UUID]] = mapped_column(ARRAY(Uuid), server_default=text("'{}'"))
    created_at: Mapped[CreatedAt]
    lifted_by: Mapped[str | None]
    lifted_at: Mapped[datetime | None]


class Tombstone(Base):
    """Keyed hash of a waveform's digest, a record or a patient's hash that must not be stored again."""

    __tablename__ = "tombstones"
    __table_args__ = (CheckConstraint("length(hash) = 32", name="hash"),)

    hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    erasure_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("erasures.id"), primary_key=True, index=True)


class ObjectToDelete(Base):
    """An object that no row names any more. The row goes when the object has gone."""

    __tablename__ = "objects_to_delete"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    key: Mapped[str]
    erasure_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("erasures.id"), index=True)
