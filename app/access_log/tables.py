"""The access log."""

import uuid

from sqlalchemy import BigInteger, Identity, Index, SmallInteger, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.database import Base, CreatedAt


class Access(Base):
    """One request that could read patients' data, or that was refused. Rows are only ever added.

    `user_id` is null where no valid key was sent. `ecg_ids` holds the first of the ECGs that the answer is about,
    `ecgs` counts all of them. Of very many refusals not each gets a row: `unrecorded` counts those since the last.
    """

    __tablename__ = "access_log"
    __table_args__ = (
        Index("ix_access_log_at", "at", postgresql_using="brin"),
        Index(None, "user_id", "id"),
        Index("ix_access_log_ecg_ids", "ecg_ids", postgresql_using="gin"),
        Index("ix_access_log_unnamed", "user_id", "at", postgresql_where=text("ecgs > cardinality(ecg_ids)")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[CreatedAt]
    user_id: Mapped[uuid.UUID | None]
    operation: Mapped[str]
    status: Mapped[int] = mapped_column(SmallInteger)
    ecg_ids: Mapped[list[uuid.UUID]] = mapped_column(ARRAY(Uuid))
    ecgs: Mapped[int]
    address: Mapped[str]
    request_id: Mapped[str]
    unrecorded: Mapped[int] = mapped_column(server_default="0")
