"""Frozen datasets."""

import uuid

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.database import Base, CreatedAt, Id, Json


class Dataset(Base):
    """A frozen dataset; its windows are the stored folder `datasets/<id>`."""

    __tablename__ = "datasets"
    __table_args__ = (CheckConstraint("length(content_sha256) = 64", name="content_sha256"),)

    id: Mapped[Id]
    job_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("jobs.id"), unique=True)
    name: Mapped[str]
    content_sha256: Mapped[str]
    vocabulary_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("vocabularies.id"))
    request: Mapped[Json]
    summary: Mapped[Json]
    created_at: Mapped[CreatedAt]
