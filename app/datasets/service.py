"""What a dataset takes, checked and counted before it is frozen."""

from sqlalchemy.orm import Session

from app.datasets import queries
from app.datasets.queries import MOST_COUNTED, Choice
from app.datasets.schemas import ChoiceCount, ChoiceIn, DatasetIn, DatasetOut
from app.datasets.tables import Dataset
from app.disagreement.off_hours import OffHours
from app.ecgs.filters import check, wants_simulated
from app.kit.problems import FieldError, invalid_fields
from app.vocabularies.queries import active, versions
from ml.corpus.split_rules import ByDate, ByFold, BySite
from ml.corpus.splits import SPLITS


def check_choice(session: Session, asked: ChoiceIn, off_hours: OffHours) -> None:
    """Raise the 422 of filters that can match nothing."""
    simulated = wants_simulated(session, asked.simulated)
    check(session, asked, simulated=simulated, prefix="")
    if (pairs := asked.pairs(off_hours)) is not None:
        check(session, pairs, simulated=simulated, prefix="filters.")


def check_split(session: Session, asked: DatasetIn) -> None:
    """Raise the 422 of a split by folds or sites that no ECG has, or by a time that no ECG is before or after."""
    rule, simulated = asked.split, wants_simulated(session, asked.simulated)
    kind = "simulated" if simulated else "real"
    errors: list[FieldError] = []
    if isinstance(rule, ByFold | BySite):
        for part in SPLITS:
            for value in getattr(rule, part) or ():
                if not queries.holds(session, rule.by, value, simulated=simulated):
                    reason = f"no {kind} ECG has {rule.by} {value}"
                    errors.append(FieldError(field=f"split.{part}", code="unknown", reason=reason))
    if isinstance(rule, ByDate):
        learned_to = (
            ("test_from", rule.test_from) if rule.validation_from is None else ("validation_from", rule.validation_from)
        )
        ranges = [(learned_to[0], None, learned_to[1], "earlier"), ("test_from", rule.test_from, None, "then or later")]
        if rule.validation_from is not None:
            ranges.append(("validation_from", rule.validation_from, rule.test_from, "from then to `test_from`"))
        for name, start, end, when in ranges:
            if not queries.holds_between(session, start, end, simulated=simulated):
                reason = f"no {kind} ECG was recorded {when}"
                errors.append(FieldError(field=f"split.{name}", code="empty_range", reason=reason))
    if errors:
        raise invalid_fields(errors)


def choice_of(session: Session, asked: ChoiceIn, off_hours: OffHours) -> Choice:
    """Return the choice that a request describes, under the active vocabulary."""
    vocabulary = active(session)
    assert vocabulary.slot is not None
    return Choice(
        vocabulary_id=vocabulary.id,
        slot=vocabulary.slot,
        recorded_from=asked.recorded_from,
        recorded_to=asked.recorded_to,
        site=asked.site,
        device=asked.device,
        without_overread=asked.overread == "absent",
        simulated=wants_simulated(session, asked.simulated),
        pairs=asked.pairs(off_hours),
    )


def count(session: Session, asked: ChoiceIn, off_hours: OffHours) -> ChoiceCount:
    """Count what a request would take now."""
    choice = choice_of(session, asked, off_hours)
    ecgs, patients = queries.count(session, choice)
    more = ecgs > MOST_COUNTED
    return ChoiceCount(
        ecgs=min(ecgs, MOST_COUNTED), patients=min(patients, MOST_COUNTED), more=more, simulated=choice.simulated
    )


def outside(session: Session, row: Dataset) -> DatasetOut:
    """Return a dataset as the API shows it."""
    return DatasetOut(
        id=row.id,
        job_id=row.job_id,
        name=row.name,
        content_sha256=row.content_sha256,
        vocabulary=versions(session)[row.vocabulary_id],
        request=row.request,
        summary=row.summary,
        holds_erased=row.holds_erased,
        created_at=row.created_at,
    )
