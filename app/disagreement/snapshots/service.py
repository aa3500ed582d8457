"""Pinning a question: its answer is stored with it, so neither data nor vocabularies can change it."""

from datetime import datetime

from sqlalchemy.orm import Session

from app.disagreement.attributes import FILTERS
from app.disagreement.counting.cells import CellBook
from app.disagreement.counting.selection import given
from app.disagreement.service import disagreement
from app.disagreement.tables import Snapshot
from app.disagreement.tally import Asked
from app.kit import audit
from app.kit.database import Json
from app.kit.times import written
from app.vocabularies.service import ReadingRules

_NOT_COUNTED: Json = {"unread": None, "unreadable": None}


def pin(
    session: Session, actor: str, book: CellBook, rules: ReadingRules, *, asked: Asked, name: str | None
) -> Snapshot:
    """Answer a question and store the answer with it."""
    answer = disagreement(session, book, rules, asked)
    snapshot = Snapshot(
        name=name, created_by=actor, vocabulary=rules.vocabulary.version, query=_written(asked), answer=answer
    )
    session.add(snapshot)
    session.flush()
    session.refresh(snapshot, ["created_at"])
    audit.record(
        session, actor, "create", "snapshot", resource_id=snapshot.id, after={"name": name, "query": snapshot.query}
    )
    return snapshot


def outside(snapshot: Snapshot) -> Json:
    """Return a snapshot as `schemas.SnapshotOut` shows it."""
    return {
        "id": str(snapshot.id),
        "name": snapshot.name,
        "created_by": snapshot.created_by,
        "as_of": written(snapshot.created_at),
        "vocabulary": snapshot.vocabulary,
        "query": snapshot.query,
        "answer": _completed(snapshot.answer),
    }


def _completed(answer: Json) -> Json:
    """Return an answer with null for what an older release did not count."""
    groups = answer["groups"]
    return {
        **dict.fromkeys(("simulated", "blinded", "validated")),
        **_NOT_COUNTED,
        **answer,
        "groups": None if groups is None else [{**_NOT_COUNTED, **group} for group in groups],
    }


def _written(asked: Asked) -> Json:
    """Return a question as the parameters it was asked with."""
    filters = {
        FILTERS[name][1].alias or name: written(value) if isinstance(value, datetime) else value
        for name, value in given(asked.chosen).items()
    }
    grouped = {"group_by": list(asked.group_by)} if asked.group_by else {}
    return {**filters, "hedged": asked.hedged, **grouped}
