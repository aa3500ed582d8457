"""Sessions, sign-in links, and tries of passwords."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.database import Base, CreatedAt, Id


class UserSession(Base):
    """One signed-in browser: the SHA-256 of its token, never the token. A session that ended has no row."""

    __tablename__ = "user_sessions"
    __table_args__ = (
        CheckConstraint("opened_by IN ('password', 'link')", name="opened_by"),
        CheckConstraint("length(sha256) = 32", name="sha256"),
    )

    id: Mapped[Id]
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), index=True)
    sha256: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    opened_by: Mapped[str]
    address: Mapped[str]
    browser: Mapped[str]
    created_at: Mapped[CreatedAt]
    last_seen_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime]


class SignInLink(Base):
    """A link that signs a user in once: the SHA-256 of its token. A link that was used has no row."""

    __tablename__ = "sign_in_links"
    __table_args__ = (CheckConstraint("length(sha256) = 32", name="sha256"),)

    id: Mapped[Id]
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), index=True)
    sha256: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime]


class SignInTries(Base):
    """Tries of passwords that were not right, by who made them: the keyed hash of a name, an address, or both."""

    __tablename__ = "sign_in_tries"
    __table_args__ = (CheckConstraint("length(hash) = 32", name="hash"),)

    hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    tries: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(index=True)
    free_at: Mapped[datetime]
