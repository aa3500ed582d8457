"""Predictions asked for and answered."""

import uuid
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.database import Base, CreatedAt, Id, Json


class Question:
    """What every question to a model has. Inference workers claim open rows and write the answer into them."""

    if TYPE_CHECKING:
        model_id: Mapped[uuid.UUID]

    id: Mapped[Id]
    state: Mapped[str] = mapped_column(server_default="open")
    answer: Mapped[Json | None]
    error: Mapped[Json | None]
    lease_expires_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(server_default="0", comment="how many workers have claimed it")
    created_at: Mapped[CreatedAt]
    answered_at: Mapped[datetime | None]


class Prediction(Question, Base):
    """A question about a stored ECG."""

    __tablename__ = "predictions"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'claimed', 'answered', 'failed')", name="state"),
        CheckConstraint("(state = 'answered') = (answer IS NOT NULL)", name="answer"),
        CheckConstraint("(state = 'failed') = (error IS NOT NULL)", name="error"),
        CheckConstraint("(state = 'claimed') = (lease_expires_at IS NOT NULL)", name="lease_expires_at"),
        Index("ix_predictions_open", "created_at", postgresql_where=text("state IN ('open', 'claimed')")),
    )

    ecg_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("ecgs.id"), index=True)
    model_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("models.id"))
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    phrases: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}", comment="statements asked about")
