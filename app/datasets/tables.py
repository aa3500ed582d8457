"""Frozen datasets."""

import uuid

from sqlalchemy import CheckConstraint, ForeignKey, text
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
    holds_erased: Mapped[int] = mapped_column(server_default=text("0"), comment="ECGs of it that were erased since")
    ecgs_known: Mapped[bool] = mapped_column(server_default=text("false"), comment="whether `dataset_ecgs` has them")
    created_at: Mapped[CreatedAt]


class DatasetEcg(Base):
    """An ECG that a dataset holds, whether it was erased since or not."""

    __tablename__ = "dataset_ecgs"

    ecg_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    dataset_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("datasets.id"), primary_key=True)
