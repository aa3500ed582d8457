"""Users and their API keys."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.database import Base, CreatedAt, Id


class User(Base):
    """A person or a system that has keys or a password, and one role. `password` is an Argon2id hash."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("role IN ('viewer', 'reader', 'researcher', 'admin')", name="role"),
        CheckConstraint("length(name) BETWEEN 1 AND 100", name="name"),
        CheckConstraint("password LIKE '$argon2id$%'", name="password"),
        CheckConstraint("(password IS NULL) = (password_set_at IS NULL)", name="password_set_at"),
    )

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    created_at: Mapped[CreatedAt]
    disabled_at: Mapped[datetime | None]
    password: Mapped[str | None]
    password_set_at: Mapped[datetime | None]


class ApiKey(Base):
    """One key: its SHA-256, never the key. `source` tells a key given by the environment from issued ones."""

    __tablename__ = "api_keys"
    __table_args__ = (
        CheckConstraint("source IN ('issued', 'environment')", name="source"),
        CheckConstraint("length(sha256) = 32", name="sha256"),
        Index(
            "uq_api_keys_environment",
            "source",
            unique=True,
            postgresql_where=text("source = 'environment' AND revoked_at IS NULL"),
        ),
    )

    id: Mapped[Id]
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), index=True)
    sha256: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    hint: Mapped[str]
    source: Mapped[str]
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
