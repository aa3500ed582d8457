"""ECGs: one row a recording; the waveform itself lies in the object store under its digest."""

from datetime import datetime
from typing import get_args

from sqlalchemy import REAL, CheckConstraint, Index, LargeBinary, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.database import Base, CreatedAt, Id
from ml.formats.ecg_file import FOLDS, MEASURED, QtcFormula

_NEWEST = (text("created_at DESC"), text("id DESC"))


class Ecg(Base):
    """One recording: its waveform is its identity, or, where only reports are known, the name its source gives it."""

    __tablename__ = "ecgs"
    __table_args__ = (
        CheckConstraint("length(waveform_sha256) = 64", name="waveform_sha256"),
        CheckConstraint("num_nulls(waveform_sha256, samples, sampling_rate_hz) IN (0, 3)", name="waveform"),
        CheckConstraint("num_nonnulls(waveform_sha256, record) > 0", name="known"),
        CheckConstraint("length(record) BETWEEN 1 AND 200", name="record"),
        CheckConstraint("samples > 0", name="samples"),
        CheckConstraint("sampling_rate_hz >= 250", name="sampling_rate_hz"),
        CheckConstraint("length(patient_hash) = 32", name="patient_hash"),
        CheckConstraint("length(order_hash) = 32", name="order_hash"),
        *(
            CheckConstraint(f"{name} BETWEEN {limits.lowest} AND {limits.highest}", name=name)
            for name, limits in MEASURED.items()
        ),
        CheckConstraint(f"qtc_formula IN {get_args(QtcFormula)}", name="qtc_formula"),
        CheckConstraint("age BETWEEN 0 AND 130", name="age"),
        CheckConstraint(f"fold BETWEEN {FOLDS[0]} AND {FOLDS[1]}", name="fold"),
        CheckConstraint("sex IN ('male', 'female', 'unknown')", name="sex"),
        Index("ix_ecgs_newest", "simulated", *_NEWEST),
        Index("ix_ecgs_with_waveform", "simulated", *_NEWEST, postgresql_where=text("waveform_sha256 IS NOT NULL")),
        Index("ix_ecgs_site", "site", "simulated", *_NEWEST),
        Index("ix_ecgs_device", "device", "simulated", *_NEWEST),
        Index("ix_ecgs_location", "location", "simulated", *_NEWEST, postgresql_where=text("location IS NOT NULL")),
        Index(None, "device_software", "simulated"),
        Index("ix_ecgs_fold", "fold", "simulated", postgresql_where=text("fold IS NOT NULL")),
        Index("ix_ecgs_order_hash", "order_hash", postgresql_where=text("order_hash IS NOT NULL")),
    )

    id: Mapped[Id]
    waveform_sha256: Mapped[str | None] = mapped_column(unique=True)
    samples: Mapped[int | None]
    sampling_rate_hz: Mapped[float | None]
    record: Mapped[str | None] = mapped_column(unique=True)
    patient_hash: Mapped[bytes | None] = mapped_column(LargeBinary, index=True)
    recorded_at: Mapped[datetime | None] = mapped_column(index=True)
    site: Mapped[str | None]
    device: Mapped[str | None]
    device_software: Mapped[str | None]
    age: Mapped[float | None]
    sex: Mapped[str] = mapped_column(server_default="unknown")
    simulated: Mapped[bool] = mapped_column(server_default=text("false"))
    location: Mapped[str | None]
    order_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    fold: Mapped[int | None] = mapped_column(SmallInteger, comment="of a cross-validation, as its source gave it")
    # as the device measured them
    heart_rate: Mapped[float | None] = mapped_column(REAL)
    pr_ms: Mapped[float | None] = mapped_column(REAL)
    qrs_ms: Mapped[float | None] = mapped_column(REAL)
    qt_ms: Mapped[float | None] = mapped_column(REAL)
    qtc_ms: Mapped[float | None] = mapped_column(REAL)
    qtc_formula: Mapped[str | None]
    p_axis: Mapped[float | None] = mapped_column(REAL)
    qrs_axis: Mapped[float | None] = mapped_column(REAL)
    t_axis: Mapped[float | None] = mapped_column(REAL)
    created_at: Mapped[CreatedAt]
