"""Vocabularies; exactly one is active."""

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.database import Base, CreatedAt, Id


class VocabularyRow(Base):
    """One version of the label vocabulary, kept as the YAML text it was given as."""

    __tablename__ = "vocabularies"
    __table_args__ = (
        Index("uq_vocabularies_active", "active", unique=True, postgresql_where=text("active")),
        CheckConstraint("length(version) BETWEEN 1 AND 100", name="version"),
    )

    id: Mapped[Id]
    version: Mapped[str] = mapped_column(unique=True)
    yaml: Mapped[str]
    active: Mapped[bool]
    created_at: Mapped[CreatedAt]
