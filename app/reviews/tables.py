"""Lists of ECGs to be read, their items, what readers wrote, and what they were shown."""

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.database import Base, CreatedAt, Id, Json

HELD = "state IN ('claimed', 'locked')"


class ReviewList(Base):
    """ECGs to be read, chosen once by a rule, and how they are read."""

    __tablename__ = "review_lists"
    __table_args__ = (
        CheckConstraint("mode IN ('blind', 'assisted')", name="mode"),
        CheckConstraint("readings IN (1, 2)", name="readings"),
        CheckConstraint("repeat_share BETWEEN 0 AND 1 AND gold_share BETWEEN 0 AND 1", name="shares"),
        CheckConstraint("repeat_after_days >= 0", name="repeat_after_days"),
        CheckConstraint("claim_minutes > 0", name="claim_minutes"),
        Index("ix_review_lists_newest", text("created_at DESC"), text("id DESC")),
    )

    id: Mapped[Id]
    name: Mapped[str]
    mode: Mapped[str]
    rule: Mapped[Json]
    filters: Mapped[Json]
    weights: Mapped[Json] = mapped_column(comment="what each label weighed when the ECGs were chosen")
    readings: Mapped[int]
    repeat_share: Mapped[float]
    repeat_after_days: Mapped[int]
    gold_share: Mapped[float]
    claim_minutes: Mapped[int]
    created_by: Mapped[str]
    created_at: Mapped[CreatedAt]
    closed_at: Mapped[datetime | None]


class ReviewItem(Base):
    """One reading that is wanted of one ECG. One user at a time holds it, and no user holds two.

    `blind`: the first reading is locked before the machine's is shown. `for_user`: nobody else may read it.
    `repeats`: the item of the same user and ECG that this one repeats.
    """

    __tablename__ = "review_items"
    __table_args__ = (
        CheckConstraint("purpose IN ('read', 'second', 'repeat', 'gold', 'adjudicate')", name="purpose"),
        CheckConstraint("state IN ('open', 'claimed', 'locked', 'signed')", name="state"),
        CheckConstraint("(state = 'open') = (claimed_by IS NULL)", name="claimed_by"),
        CheckConstraint(f"({HELD}) = (claim_expires_at IS NOT NULL)", name="claim_expires_at"),
        CheckConstraint("(purpose = 'repeat') = (repeats IS NOT NULL)", name="repeats"),
        Index(
            "uq_review_items_wanted",
            "list_id",
            "ecg_id",
            "purpose",
            unique=True,
            postgresql_where=text("for_user IS NULL"),
        ),
        Index("uq_review_items_held", "claimed_by", unique=True, postgresql_where=text(HELD)),
        Index("ix_review_items_next", "list_id", "position", "purpose", postgresql_where=text("state <> 'signed'")),
        Index(None, "ecg_id"),
        Index("uq_review_items_repeats", "repeats", unique=True),
    )

    id: Mapped[Id]
    list_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("review_lists.id"))
    ecg_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("ecgs.id"))
    position: Mapped[int]
    purpose: Mapped[str]
    blind: Mapped[bool]
    for_user: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    repeats: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("review_items.id"))
    state: Mapped[str] = mapped_column(server_default="open")
    claimed_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    claim_expires_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]


class ReviewReading(Base):
    """What one user writes of one item: drafts until it is signed, and the first reading where it was locked.

    `blinded`: whether the user had been shown no reading of the ECG when the first one was locked.
    """

    __tablename__ = "review_readings"
    __table_args__ = (
        UniqueConstraint("item_id", "user_id"),
        CheckConstraint("num_nulls(first_text_id, locked_at, blinded) IN (0, 3)", name="first"),
        Index(None, "user_id"),
        Index(None, "first_text_id"),
    )

    id: Mapped[Id]
    item_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("review_items.id", ondelete="CASCADE"))
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    drafts: Mapped[list[Json]] = mapped_column(server_default="[]", comment="newest first; none once it is signed")
    first_text_id: Mapped[int | None] = mapped_column(ForeignKey("texts.id"))
    locked_at: Mapped[datetime | None]
    blinded: Mapped[bool | None]
    created_at: Mapped[CreatedAt]


class ReviewVersion(Base):
    """A signed reading. It never changes; who corrects it signs another version."""

    __tablename__ = "review_versions"
    __table_args__ = (
        CheckConstraint("version > 0", name="version"),
        Index(None, "text_id"),
        Index(None, "report_id"),
    )

    reading_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("review_readings.id", ondelete="CASCADE"), primary_key=True
    )
    version: Mapped[int] = mapped_column(primary_key=True)
    text_id: Mapped[int] = mapped_column(ForeignKey("texts.id"))
    reason: Mapped[str | None]
    report_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("reports.id"), comment="null: a repeat or gold reading, which is no report"
    )
    signed_at: Mapped[CreatedAt]


class ReviewShown(Base):
    """What a user was shown of an item, and when: the machine's reading, a prediction, the readings of others."""

    __tablename__ = "review_shown"
    __table_args__ = (
        CheckConstraint("what IN ('machine', 'prediction', 'others')", name="what"),
        UniqueConstraint("item_id", "user_id", "what"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    item_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("review_items.id", ondelete="CASCADE"))
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), index=True)
    what: Mapped[str]
    at: Mapped[CreatedAt]
    last_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="when it was last shown")


class ReviewGold(Base):
    """An ECG whose right reading is known: readers meet it without knowing."""

    __tablename__ = "review_gold"
    __table_args__ = (
        Index(None, "text_id"),
        Index("ix_review_gold_newest", text("added_at DESC"), text("ecg_id DESC")),
    )

    ecg_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("ecgs.id"), primary_key=True)
    text_id: Mapped[int] = mapped_column(ForeignKey("texts.id"))
    added_by: Mapped[str]
    added_at: Mapped[CreatedAt]
