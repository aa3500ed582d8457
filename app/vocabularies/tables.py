"""Vocabularies; exactly one is active, and at most one is on its way to be."""

from sqlalchemy import CheckConstraint, Index, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.database import Base, CreatedAt, Id, Json


class VocabularyRow(Base):
    """One version of the label vocabulary, kept as the YAML text it was given as."""

    __tablename__ = "vocabularies"
    __table_args__ = (
        Index("uq_vocabularies_state", "state", unique=True, postgresql_where=text("state <> 'inactive'")),
        Index("uq_vocabularies_slot", "slot", unique=True),
        CheckConstraint("state IN ('inactive', 'activating', 'active')", name="state"),
        CheckConstraint("(slot IN (0, 1)) AND (state = 'inactive') = (slot IS NULL)", name="slot"),
        CheckConstraint("length(version) BETWEEN 1 AND 100", name="version"),
    )

    id: Mapped[Id]
    version: Mapped[str] = mapped_column(unique=True)
    outline: Mapped[Json]  # its languages and labels
    yaml: Mapped[str] = mapped_column(deferred=True)  # the file: a fifth of a second to read
    state: Mapped[str] = mapped_column(server_default="inactive")
    slot: Mapped[int | None] = mapped_column(SmallInteger, comment="where its pairs stand")
    created_at: Mapped[CreatedAt]
