"""Discrepancy models as they are shown: which one is in use, and why others are not."""

import uuid
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from app.discrepancy_models import queries
from app.discrepancy_models.schemas import DiscrepancyModelOut, DiscrepancyModelTable, Stale
from app.discrepancy_models.tables import DiscrepancyModel
from app.kit.problems import not_found
from app.models import queries as models
from app.models.tables import Model
from app.vocabularies.queries import active, versions


def answering(session: Session) -> Model | None:
    """Return the model that answers predictions which name none."""
    return models.promoted(session) or models.shipped(session)


class Present(NamedTuple):
    """What discrepancy models are compared with: what is active now."""

    vocabulary_id: uuid.UUID
    versions: dict[uuid.UUID, str]
    model_id: uuid.UUID | None
    in_use: frozenset[uuid.UUID]

    @classmethod
    def of(cls, session: Session) -> "Present":
        """Look it up."""
        model = answering(session)
        found = [queries.in_use(session, model.id, each) for each in (False, True)] if model is not None else []
        return cls(
            active(session).id,
            versions(session),
            model.id if model is not None else None,
            frozenset(each.id for each in found if each is not None),
        )

    def stale(self, row: DiscrepancyModel) -> list[Stale]:
        """Return why a discrepancy model is not asked any more."""
        reasons: list[Stale] = []
        if row.vocabulary_id != self.vocabulary_id:
            reasons.append("vocabulary")
        if row.model_id != self.model_id:
            reasons.append("model")
        return reasons


def get(session: Session, model_id: uuid.UUID) -> DiscrepancyModel:
    """Return a discrepancy model; raises a 404."""
    row = queries.by_id(session, model_id)
    if row is None:
        raise not_found("discrepancy model")
    return row


def outside(session: Session, rows: Sequence[DiscrepancyModel]) -> list[DiscrepancyModelOut]:
    """Return discrepancy models as the API shows them."""
    present = Present.of(session)
    return [DiscrepancyModelOut(**_shown(row, present)) for row in rows]


def with_table(session: Session, row: DiscrepancyModel) -> DiscrepancyModelTable:
    """Return a discrepancy model with its table."""
    return DiscrepancyModelTable(**_shown(row, Present.of(session)), table=row.measured)


def _shown(row: DiscrepancyModel, present: Present) -> dict[str, Any]:
    return {
        **{name: getattr(row, name) for name in ("id", "job_id", "name", "simulated", "holds_erased", "created_at")},
        **row.summary,
        "vocabulary": present.versions[row.vocabulary_id],
        "model": row.model_id,
        "stale": present.stale(row),
        "in_use": row.id in present.in_use,
    }
