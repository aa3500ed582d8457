"""Files that were imported, and what was refused. Paths are kept as keyed hashes: file names may be patients'."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, LargeBinary, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.database import Base, CreatedAt, Id, Json


class ImportedFile(Base):
    """A record's files as they were when they were read last, and the waveform they held; none: they were refused."""

    __tablename__ = "import_files"
    __table_args__ = (
        CheckConstraint("length(folder) = 32", name="folder"),
        CheckConstraint("length(path) = 32", name="path"),
        CheckConstraint("length(sha256) = 32", name="sha256"),
        CheckConstraint("length(waveform_sha256) = 64", name="waveform_sha256"),
        CheckConstraint("num_nulls(waveform_sha256, samples, sampling_rate_hz) IN (0, 3)", name="waveform"),
    )

    folder: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True, comment="keyed hash of kind and folder")
    path: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True, comment="keyed hash of the main file's path")
    size: Mapped[int] = mapped_column(BigInteger, comment="bytes of all files of the record")
    modified_ns: Mapped[int] = mapped_column(BigInteger, comment="the newest time of change, since 1970")
    sha256: Mapped[bytes | None] = mapped_column(LargeBinary, comment="of the files' contents one after the other")
    waveform_sha256: Mapped[str | None] = mapped_column(index=True)
    samples: Mapped[int | None]
    sampling_rate_hz: Mapped[float | None]
    seen_at: Mapped[CreatedAt]


class Rejection(Base):
    """A file or a row of an import that was refused: what, why, and when it was seen first and last."""

    __tablename__ = "import_rejections"
    __table_args__ = (
        CheckConstraint("length(folder) = 32", name="folder"),
        CheckConstraint("length(place_hash) = 32", name="place_hash"),
        CheckConstraint("length(sha256) = 32", name="sha256"),
        CheckConstraint("times > 0", name="times"),
        UniqueConstraint("folder", "place_hash"),
        Index("ix_import_rejections_newest", text("first_seen DESC"), text("id DESC")),
    )

    id: Mapped[Id]
    kind: Mapped[str]
    folder: Mapped[bytes] = mapped_column(LargeBinary, comment="keyed hash of kind and folder")
    place_hash: Mapped[bytes] = mapped_column(LargeBinary, comment="keyed hash of the path, or of the row's place")
    place: Mapped[str] = mapped_column(comment="without what may say who somebody is")
    sha256: Mapped[bytes | None] = mapped_column(LargeBinary, comment="of the files' contents one after the other")
    reasons: Mapped[list[Json]]
    first_seen: Mapped[CreatedAt]
    last_seen: Mapped[datetime] = mapped_column(server_default=func.now())
    times: Mapped[int] = mapped_column(server_default=text("1"))
