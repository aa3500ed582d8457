"""SQL of triage rules."""

import uuid
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.kit.pagination import Position, after
from app.triage_rules.tables import TriageRule


def by_id(session: Session, rule_id: uuid.UUID) -> TriageRule | None:
    """Return a rule, or None."""
    return session.get(TriageRule, rule_id)


def newest(session: Session, position: Position | None, limit: int) -> Sequence[TriageRule]:
    """Return rules, newest first, one more than `limit`."""
    return session.scalars(after(select(TriageRule), TriageRule.created_at, TriageRule.id, position, limit=limit)).all()
