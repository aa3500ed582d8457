"""Registered models."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.database import Base, CreatedAt, Id, Json


class Model(Base):
    """A model; its bundle is the stored folder `models/<id>`. At most one model is promoted.

    Only one that was trained here has a job and a dataset: `origin` says where the others came from.
    """

    __tablename__ = "models"
    __table_args__ = (
        CheckConstraint("length(weights_sha256) = 64", name="weights_sha256"),
        CheckConstraint("(job_id IS NULL) = (dataset_id IS NULL)", name="trained_here"),
        CheckConstraint("origin IN ('trained', 'shipped', 'uploaded')", name="origin"),
        CheckConstraint("(origin = 'trained') = (job_id IS NOT NULL)", name="job_of_origin"),
        CheckConstraint("promoted = (promoted_at IS NOT NULL)", name="promoted_at"),
        Index(None, "weights_sha256"),
        Index("uq_models_promoted", "promoted", unique=True, postgresql_where=text("promoted")),
    )

    id: Mapped[Id]
    job_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("jobs.id"), unique=True)
    dataset_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("datasets.id"))
    origin: Mapped[str] = mapped_column(comment="trained here, shipped with a release, or uploaded as a bundle")
    name: Mapped[str]
    paradigm: Mapped[str]
    preset: Mapped[str]
    label_source: Mapped[str]
    weights_sha256: Mapped[str]
    metrics: Mapped[Json]  # macro metrics, by source
    manifest: Mapped[Json] = mapped_column(deferred=True)  # with metrics by label: large, and seldom asked for
    promoted: Mapped[bool] = mapped_column(server_default=text("false"))
    holds_erased: Mapped[bool] = mapped_column(
        server_default=text("false"), comment="whether an ECG that it was trained on was erased since"
    )
    promoted_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
