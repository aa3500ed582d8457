"""SQL of vocabularies."""

import uuid

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.vocabularies.tables import VocabularyRow


def active(session: Session) -> VocabularyRow:
    """Find the active vocabulary (there is always one after setup)."""
    return session.scalars(select(VocabularyRow).where(VocabularyRow.active)).one()


def by_version(session: Session, version: str) -> VocabularyRow | None:
    """Find a vocabulary by its version."""
    return session.scalar(select(VocabularyRow).where(VocabularyRow.version == version))


def all_newest_first(session: Session) -> list[VocabularyRow]:
    """List every vocabulary."""
    return list(session.scalars(select(VocabularyRow).order_by(VocabularyRow.created_at.desc())))


def add_if_absent(session: Session, version: str, yaml: str) -> None:
    """Add a vocabulary unless its version is there; the first one ever is active."""
    is_first = session.scalar(select(~select(VocabularyRow.id).exists()))
    session.execute(
        insert(VocabularyRow)
        .values(version=version, yaml=yaml, active=is_first)
        .on_conflict_do_nothing(index_elements=["version"])
    )


def versions(session: Session) -> dict[uuid.UUID, str]:
    """Give the version of every vocabulary by id."""
    return dict(session.execute(select(VocabularyRow.id, VocabularyRow.version)))
