"""Audits of over-reads, the labels that they list, what was decided of each, and the readers' rates."""

import uuid

from sqlalchemy import REAL, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.database import Base, CreatedAt, Id, Json

DECISIONS = ("upheld", "corrected", "unclear")


class OverReadAudit(Base):
    """One pass over the signed over-reads with the probabilities of a discrepancy model. Its id is its job's.

    The newest one of real, and of simulated ECGs is shown. `labels`: what was learned of each label's errors.
    """

    __tablename__ = "over_read_audits"
    __table_args__ = (Index("ix_over_read_audits_newest", "simulated", text("created_at DESC"), text("id DESC")),)

    id: Mapped[uuid.UUID] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    discrepancy_model_id: Mapped[uuid.UUID]
    vocabulary_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("vocabularies.id"))
    simulated: Mapped[bool]
    readings: Mapped[int] = mapped_column(comment="over-reads that were looked at")
    labels: Mapped[list[Json]]
    created_at: Mapped[CreatedAt]


class OverReadFlag(Base):
    """A label of a signed over-read that the evidence speaks against. An audit has at most `MOST_OF_A_LABEL` a label.

    `model`, `others` and `earlier` are log odds that the label is wrong; `evidence` is the probability they give.
    `decision` repeats the newest decision.
    """

    __tablename__ = "over_read_flags"
    __table_args__ = (
        UniqueConstraint("audit_id", "rank"),
        UniqueConstraint("audit_id", "label", "label_rank"),
        CheckConstraint("rank > 0 AND label_rank > 0", name="ranks"),
        CheckConstraint("evidence BETWEEN 0 AND 1", name="evidence"),
        CheckConstraint(f"decision IN {DECISIONS}", name="decision"),
        Index(None, "ecg_id"),
        Index(None, "report_id"),
        Index("ix_over_read_flags_earlier", "earlier_ecg_id", postgresql_where=text("earlier_ecg_id IS NOT NULL")),
    )

    id: Mapped[Id]
    audit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("over_read_audits.id"))
    ecg_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("ecgs.id"))
    report_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("reports.id"), comment="the over-read's version")
    label: Mapped[str]
    asserted: Mapped[bool] = mapped_column(comment="whether the over-read asserts the label")
    rank: Mapped[int] = mapped_column(comment="by evidence × weight among all labels, 1 first")
    label_rank: Mapped[int] = mapped_column(comment="the same among the flags of this label")
    evidence: Mapped[float] = mapped_column(REAL)
    weight: Mapped[str]
    score: Mapped[float] = mapped_column(REAL)
    probability: Mapped[float | None] = mapped_column(REAL, comment="that an expert asserts the label")
    model: Mapped[float] = mapped_column(REAL)
    others: Mapped[float] = mapped_column(REAL)
    others_for: Mapped[int]
    others_against: Mapped[int]
    earlier: Mapped[float] = mapped_column(REAL)
    earlier_asserted: Mapped[bool | None]
    earlier_ecg_id: Mapped[uuid.UUID | None]
    decision: Mapped[str | None]


class OverReadDecision(Base):
    """What somebody decided of a flag, and why. Rows are only ever added; the newest one is in force."""

    __tablename__ = "over_read_decisions"
    __table_args__ = (
        CheckConstraint(f"decision IN {DECISIONS}", name="decision"),
        UniqueConstraint("flag_id", "number"),
        CheckConstraint("number > 0", name="number"),
    )

    id: Mapped[Id]
    flag_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("over_read_flags.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(comment="1 is the first")
    decision: Mapped[str]
    reason: Mapped[str]
    decided_by: Mapped[str]
    decided_at: Mapped[CreatedAt]


class OverReadReader(Base):
    """A reader's likely errors in an audit, beside what the ECGs let expect of anybody."""

    __tablename__ = "over_read_readers"

    audit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("over_read_audits.id"), primary_key=True)
    reader: Mapped[str] = mapped_column(primary_key=True)
    readings: Mapped[int]
    flagged: Mapped[int]
    expected: Mapped[float]
    ratio: Mapped[float | None]
    low: Mapped[float | None]
    high: Mapped[float | None]
