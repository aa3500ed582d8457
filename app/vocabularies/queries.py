"""SQL of vocabularies."""

import uuid

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.disagreement.tables import OF_A_SLOT
from app.jobs.tables import Job
from app.kit.database import Json
from app.vocabularies.tables import VocabularyRow

_LOCK = 0x6C61_6265  # shared by writers of pairs, exclusive for changing what all of them go by


def active(session: Session) -> VocabularyRow:
    """Find the active vocabulary (there is always one after setup)."""
    return session.scalars(select(VocabularyRow).where(VocabularyRow.state == "active")).one()


def yaml_of(session: Session, vocabulary_id: uuid.UUID) -> str:
    """Return the file of a stored vocabulary."""
    return session.scalars(select(VocabularyRow.yaml).where(VocabularyRow.id == vocabulary_id)).one()


def maintained(session: Session) -> list[VocabularyRow]:
    """List the vocabularies whose labelings and pairs a change of reports must keep, the active one first.

    The list stays valid until the transaction ends, because writers and activations take the same lock.
    """
    hold(session)
    return list(
        session.scalars(
            select(VocabularyRow).where(VocabularyRow.state != "inactive").order_by(VocabularyRow.state == "activating")
        )
    )


def hold(session: Session) -> None:
    """Keep the list of maintained vocabularies, and the time zones of sites, as they are until the transaction ends."""
    session.execute(select(func.pg_advisory_xact_lock_shared(_LOCK)))


def wait_for_writers(session: Session) -> None:
    """Wait for the running writers of reports, and lock out new ones until the transaction ends.

    A later writer then sees every stored labeling and which vocabularies are maintained.
    """
    session.execute(select(func.pg_advisory_xact_lock(_LOCK)))


def begin_activation(session: Session, vocabulary_id: uuid.UUID) -> tuple[int, int]:
    """Assign the free slot, emptied, to a vocabulary; from here on every writer maintains its pairs too.

    Waits for the running writers. An earlier unfinished activation is given up. Returns the active vocabulary's slot
    and the new one's.
    """
    wait_for_writers(session)
    give_up_activation(session)
    active = session.scalars(select(VocabularyRow.slot).where(VocabularyRow.state == "active")).one() or 0
    slot = 1 - active
    tables = ", ".join(f"{name}_{slot:d}" for name in OF_A_SLOT)
    session.execute(text(f"TRUNCATE {tables}"))
    session.execute(
        update(VocabularyRow).where(VocabularyRow.id == vocabulary_id).values(state="activating", slot=slot)
    )
    return active, slot


def hold_slot(session: Session, vocabulary_id: uuid.UUID, slot: int) -> bool:
    """Lock a slot for this activating vocabulary until the transaction ends; False when it no longer has the slot."""
    statement = select(VocabularyRow.id).where(
        VocabularyRow.id == vocabulary_id, VocabularyRow.state == "activating", VocabularyRow.slot == slot
    )
    return session.scalar(statement.with_for_update(read=True)) is not None


def switch(session: Session, vocabulary_id: uuid.UUID) -> bool:
    """Make the activating vocabulary the active one; False when it is not activating any more."""
    wait_for_writers(session)
    row = session.get(VocabularyRow, vocabulary_id, populate_existing=True)
    if row is None or row.state != "activating":
        return False
    session.execute(update(VocabularyRow).where(VocabularyRow.state == "active").values(state="inactive", slot=None))
    session.execute(update(VocabularyRow).where(VocabularyRow.id == vocabulary_id).values(state="active"))
    return True


def give_up_activation(session: Session) -> None:
    """Make an activating vocabulary inactive again."""
    wait_for_writers(session)
    session.execute(
        update(VocabularyRow).where(VocabularyRow.state == "activating").values(state="inactive", slot=None)
    )


def give_up_lost_activation(session: Session) -> None:
    """Make an activating vocabulary inactive when its job has ended without its worker: cancelled, or given up."""
    under_way = select(Job.id).where(Job.kind == "relabel", Job.finished_at.is_(None)).exists()
    if session.scalar(select(VocabularyRow.id).where(VocabularyRow.state == "activating", ~under_way)) is not None:
        wait_for_writers(session)
        session.execute(
            update(VocabularyRow)
            .where(VocabularyRow.state == "activating", ~under_way)
            .values(state="inactive", slot=None)
        )


def by_version(session: Session, version: str) -> VocabularyRow | None:
    """Find a vocabulary by its version."""
    return session.scalar(select(VocabularyRow).where(VocabularyRow.version == version))


def is_maintained(session: Session, version: str) -> bool:
    """Whether a version is the active one, or on its way to be."""
    row = by_version(session, version)
    return row is not None and row.state != "inactive"


def all_newest_first(session: Session) -> list[VocabularyRow]:
    """List every vocabulary."""
    return list(
        session.scalars(select(VocabularyRow).order_by(VocabularyRow.created_at.desc(), VocabularyRow.version.desc()))
    )


def add_if_absent(session: Session, version: str, outline: Json, yaml: str) -> bool:
    """Add a vocabulary unless its version is there (then: False); the first one ever is active."""
    is_first = session.scalar(select(~select(VocabularyRow.id).exists()))
    added = session.execute(
        insert(VocabularyRow)
        .values(
            version=version,
            outline=outline,
            yaml=yaml,
            state="active" if is_first else "inactive",
            slot=0 if is_first else None,
        )
        .on_conflict_do_nothing(index_elements=["version"])
        .returning(VocabularyRow.id)
    )
    return added.first() is not None


def versions(session: Session) -> dict[uuid.UUID, str]:
    """Return the version of every vocabulary, by id."""
    return dict(session.execute(select(VocabularyRow.id, VocabularyRow.version)).all())
