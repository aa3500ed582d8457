"""Triage rules as they are shown: whether one is in force follows from what is in use now, and needs no job."""

import uuid
from collections.abc import Sequence

from sqlalchemy.orm import Session

from app.change_watch.queries import rang_since
from app.discrepancy_models.service import Present
from app.kit.problems import not_found
from app.triage_rules import queries
from app.triage_rules.schemas import ASSUMES, Stale, TriageLine, TriageRuleOut
from app.triage_rules.tables import TriageRule


def get(session: Session, rule_id: uuid.UUID) -> TriageRuleOut:
    """Return a rule as the API shows it; raises a 404."""
    row = queries.by_id(session, rule_id)
    if row is None:
        raise not_found("triage rule")
    return outside(session, [row])[0]


def outside(session: Session, rows: Sequence[TriageRule]) -> list[TriageRuleOut]:
    """Return rules as the API shows them."""
    present = Present.of(session) if rows else None
    shown = []
    for row in rows:
        assert present is not None
        stale = _stale(session, row, present)
        own = ("id", "created_at", "simulated", "max_missed_change", "level", "of")
        shown.append(
            TriageRuleOut(
                **{name: getattr(row, name) for name in own},
                discrepancy_model=row.discrepancy_model_id,
                model=row.model_id,
                vocabulary=present.versions[row.vocabulary_id],
                level_for_all_lines=round(1 - (1 - row.level) / (1 + len(row.labels)), 6),
                stale=stale,
                in_force=not stale,
                assumes=list(ASSUMES),
                whole=TriageLine(**row.whole),
                labels=[TriageLine(**each) for each in row.labels],
            )
        )
    return shown


def _stale(session: Session, row: TriageRule, present: Present) -> list[Stale]:
    reasons: list[Stale] = []
    if row.vocabulary_id != present.vocabulary_id:
        reasons.append("vocabulary")
    if row.model_id != present.model_id:
        reasons.append("model")
    if row.discrepancy_model_id not in present.in_use:
        reasons.append("discrepancy_model")
    if rang_since(session, row.vocabulary_id, row.simulated, row.created_at):
        reasons.append("change_watch")
    return reasons
