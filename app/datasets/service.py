"""What a dataset takes, checked and counted before it is frozen."""

from sqlalchemy.orm import Session

from app.datasets import queries
from app.datasets.queries import MOST_COUNTED, Choice
from app.datasets.schemas import ChoiceCount, ChoiceIn, DatasetOut
from app.datasets.tables import Dataset
from app.disagreement.off_hours import OffHours
from app.ecgs.filters import check, wants_simulated
from app.vocabularies.queries import active, versions


def check_choice(session: Session, asked: ChoiceIn, off_hours: OffHours) -> None:
    """Raise the 422 of filters that can match nothing."""
    simulated = wants_simulated(session, asked.simulated)
    check(session, asked, simulated=simulated, prefix="")
    if (pairs := asked.pairs(off_hours)) is not None:
        check(session, pairs, simulated=simulated, prefix="filters.")


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
