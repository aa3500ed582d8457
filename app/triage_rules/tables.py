"""Triage rules."""

import uuid

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.database import Base, CreatedAt, Id, Json


class TriageRule(Base):
    """A rule, and the counts behind it. It is in force while all it was made with is in use. Its id is its job's."""

    __tablename__ = "triage_rules"
    __table_args__ = (
        CheckConstraint("\"of\" IN ('passed', 'all', 'changed')", name="of"),
        Index("ix_triage_rules_newest", text("created_at DESC"), text("id DESC")),
    )

    id: Mapped[Id]
    # no foreign key: the model may be deleted, and the rule then says so
    discrepancy_model_id: Mapped[uuid.UUID]
    vocabulary_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("vocabularies.id"))
    model_id: Mapped[uuid.UUID | None] = mapped_column(comment="the model whose logits the discrepancy model reads")
    simulated: Mapped[bool]
    max_missed_change: Mapped[float]
    level: Mapped[float]
    of: Mapped[str]
    whole: Mapped[Json] = mapped_column(comment="what was found for the whole report")
    labels: Mapped[list[Json]] = mapped_column(comment="and for each label")
    created_at: Mapped[CreatedAt]
