"""ECGs: one row a recording; the waveform itself lies in the object store under its digest."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.database import Base, CreatedAt, Id


class Ecg(Base):
    """One recording. `waveform_sha256` is its identity: the same waveform is the same ECG."""

    __tablename__ = "ecgs"
    __table_args__ = (
        CheckConstraint("length(waveform_sha256) = 64", name="waveform_sha256"),
        CheckConstraint("samples > 0", name="samples"),
        CheckConstraint("sampling_rate_hz >= 250", name="sampling_rate_hz"),
        CheckConstraint("length(patient_hash) = 32", name="patient_hash"),
        CheckConstraint("age BETWEEN 0 AND 130", name="age"),
        CheckConstraint("sex IN ('male', 'female', 'unknown')", name="sex"),
        Index("ix_ecgs_newest", text("created_at DESC"), text("id DESC")),
    )

    id: Mapped[Id]
    waveform_sha256: Mapped[str] = mapped_column(unique=True)
    samples: Mapped[int]
    sampling_rate_hz: Mapped[float]
    patient_hash: Mapped[bytes | None] = mapped_column(LargeBinary, index=True)
    recorded_at: Mapped[datetime | None]
    site: Mapped[str | None]
    device: Mapped[str | None]
    device_software: Mapped[str | None]
    age: Mapped[float | None]
    sex: Mapped[str] = mapped_column(server_default="unknown")
    simulated: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[CreatedAt]
