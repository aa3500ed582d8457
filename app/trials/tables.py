"""ECGs that are being tried out: they wait here for a model's answer, and are deleted with it."""

import uuid

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.database import Base
from app.predictions.tables import Question


class Trial(Question, Base):
    """A question about an ECG that is not stored.

    The table is UNLOGGED: a waveform in it is in no write-ahead log, no replica and no backup made of one, and none
    outlives a crash of the database.
    """

    __tablename__ = "trials"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'claimed', 'answered', 'failed')", name="state"),
        CheckConstraint("(state = 'answered') = (answer IS NOT NULL)", name="answer"),
        CheckConstraint("(state = 'failed') = (error IS NOT NULL)", name="error"),
        CheckConstraint("(state = 'claimed') = (lease_expires_at IS NOT NULL)", name="lease_expires_at"),
        Index("ix_trials_open", "created_at", postgresql_where=text("state IN ('open', 'claimed')")),
        Index(None, "created_at"),
        {"prefixes": ["UNLOGGED"]},
    )

    model_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("models.id"))
    waveform: Mapped[bytes] = mapped_column(LargeBinary, deferred=True, comment="as `ml.formats.waveform` encodes it")
