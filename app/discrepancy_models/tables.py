"""Discrepancy models, the ECGs whose pairs they learned from, and what they say of ECGs."""

import uuid
from datetime import datetime

from sqlalchemy import ARRAY, REAL, BigInteger, ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.database import Base, CreatedAt, Id, Json


class DiscrepancyModel(Base):
    """A discrepancy model; its files are the stored folder `discrepancy/<id>`.

    It is for the vocabulary whose labels it knows, and for the model whose logits it reads.
    """

    __tablename__ = "discrepancy_models"
    __table_args__ = (Index("ix_discrepancy_models_newest", text("created_at DESC"), text("id DESC")),)

    id: Mapped[Id]
    job_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("jobs.id"), unique=True)
    name: Mapped[str]
    vocabulary_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("vocabularies.id"))
    model_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("models.id"))
    simulated: Mapped[bool] = mapped_column(comment="whether it learned from simulated ECGs, and is for these")
    summary: Mapped[Json]
    measured: Mapped[Json] = mapped_column(deferred=True, comment="its table: large, and seldom asked for")
    holds_erased: Mapped[int] = mapped_column(server_default=text("0"), comment="ECGs of it that were erased since")
    created_at: Mapped[CreatedAt]


class DiscrepancyModelEcg(Base):
    """An ECG whose pair a discrepancy model holds, whether it was erased since or not."""

    __tablename__ = "discrepancy_model_ecgs"

    ecg_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    discrepancy_model_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("discrepancy_models.id"), primary_key=True)


class PredictedChange(Base):
    """What a discrepancy model said of an ECG with the machine's report that these masks are of.

    `changes` are probabilities in the order of the vocabulary's labels. Review lists are ordered by them.
    """

    __tablename__ = "predicted_changes"

    discrepancy_model_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("discrepancy_models.id"), primary_key=True)
    ecg_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("ecgs.id"), primary_key=True, index=True)
    machine_present: Mapped[int] = mapped_column(BigInteger)
    machine_uncertain: Mapped[int] = mapped_column(BigInteger)
    changes: Mapped[list[float]] = mapped_column(ARRAY(REAL))
    any_change: Mapped[float] = mapped_column(REAL)
    computed_at: Mapped[datetime] = mapped_column(server_default=func.now())
