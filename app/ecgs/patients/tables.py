"""Which key the stored patient hashes were made with."""

from sqlalchemy import CheckConstraint, LargeBinary, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.database import Base, CreatedAt


class PatientKey(Base):
    """The one row: the key's fingerprint. Never the key."""

    __tablename__ = "patient_key"
    __table_args__ = (
        CheckConstraint("id = 1", name="id"),
        CheckConstraint("length(fingerprint) = 32", name="fingerprint"),
    )

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[CreatedAt]
