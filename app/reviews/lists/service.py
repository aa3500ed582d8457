"""Making and showing review lists."""

import uuid
from collections.abc import Sequence

from sqlalchemy.orm import Session

from app.auth.service import allows
from app.auth.tables import User
from app.discrepancy_models.queries import in_use
from app.ecgs.filters import check, wants_simulated
from app.kit import audit
from app.kit.database import Json
from app.kit.problems import invalid, not_found
from app.models import queries as models
from app.reviews.blindness.queries import open_blind_item
from app.reviews.lists import queries
from app.reviews.lists.queries import Choice, Choosable
from app.reviews.lists.schemas import ByChange, ListIn, ListOut
from app.reviews.tables import ReviewList
from app.vocabularies.service import ReadingRules
from ml.labeling.vocabulary import Weight
from ml.labeling.weights import weight_of

NUMBERS: dict[Weight, float] = {"none": 0.0, "minor": 1.0, "major": 3.0}
"""What the weights of labels count in an order by predicted change."""
MOST_LISTS = 500


def make(session: Session, user: User, rules: ReadingRules, given: ListIn) -> ReviewList:
    """Make a list and choose its ECGs; raises the 422 of a filter that matches nothing, and of an empty list."""
    simulated = wants_simulated(session, given.filters.simulated)
    choosable = Choosable(**{**given.filters.model_dump(), "simulated": simulated})
    check(session, choosable, simulated=simulated, prefix="filters.")
    labels = rules.vocabulary.labels
    keys = [label.key for label in labels]
    if isinstance(given.rule, ByChange) and given.rule.label not in keys:
        raise invalid("rule.label", "is no label of the active vocabulary", "unknown")
    if isinstance(given.rule, ByChange) and given.mode == "blind":
        reason = "tells readers after a few ECGs what the machine says of the label in all: they would not be blind"
        raise invalid("rule.kind", reason, "not_blind")
    weights = {label.key: weight_of(label.key, label.weight) for label in labels}
    model = models.promoted(session) or models.shipped(session)
    discrepancy = in_use(session, model.id, simulated) if model is not None else None
    assert rules.slot is not None
    choice = Choice(
        vocabulary_id=rules.id,
        slot=rules.slot,
        labels=keys,
        weights={key: NUMBERS[weight] for key, weight in weights.items()},
        model_id=model.id if model is not None else None,
        discrepancy_model_id=discrepancy.id if discrepancy is not None else None,
    )
    made = ReviewList(
        id=uuid.uuid4(),
        name=given.name,
        mode=given.mode,
        rule=given.rule.model_dump(),
        filters={**given.filters.model_dump(mode="json", exclude_none=True), "simulated": simulated},
        weights=weights,
        **given.model_dump(include={"readings", "repeat_share", "repeat_after_days", "gold_share", "claim_minutes"}),
        created_by=user.name,
    )
    session.add(made)
    session.flush()
    if not queries.fill(session, made, given.rule, choosable=choosable, choice=choice, ecgs=given.ecgs):
        raise invalid("rule", "no ECG is chosen by it under these filters", "empty")
    session.refresh(made)
    after = {**given.model_dump(mode="json", exclude={"name"}), "list": made.name}
    audit.record(session, user.name, "create", "review_list", resource_id=made.id, after=after)
    return made


def close(session: Session, user: User, list_id: uuid.UUID) -> ReviewList:
    """Close a list: what is held is finished, nothing more is claimed."""
    found = get(session, list_id)
    if found.closed_at is None:
        found.closed_at = queries.close(session, list_id)
        audit.record(session, user.name, "close", "review_list", resource_id=list_id)
    return found


def get(session: Session, list_id: uuid.UUID) -> ReviewList:
    """Return a list; raises a 404."""
    found = queries.by_id(session, list_id)
    if found is None:
        raise not_found("list")
    return found


def outside(session: Session, user: User, found: Sequence[ReviewList]) -> list[ListOut]:
    """Show lists to a user. How ECGs were chosen tells of their readings: readers are not told, nor who reads blind."""
    told = allows(user.role, "researcher") and open_blind_item(session, user.id) is None
    progress = queries.progress(session, [each.id for each in found], user.id)
    return [ListOut.model_validate(_shown(each, progress.get(each.id, queries.Progress()), told)) for each in found]


def _shown(of: ReviewList, progress: queries.Progress, told: bool) -> Json:
    names = ("id", "name", "mode", "readings", "claim_minutes", "created_by", "created_at", "closed_at")
    choosing = ("rule", "filters", "weights", "repeat_share", "repeat_after_days", "gold_share")
    return {
        **{name: getattr(of, name) for name in names},
        **{name: getattr(of, name) if told else None for name in choosing},
        "ecgs": progress.ecgs,
        "counts": {name: getattr(progress, name) for name in ("open", "claimed", "signed", "adjudications_open")},
        "mine": {"signed": progress.mine, "open_item": progress.held},
    }
