"""SQL of datasets."""

import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, func, select, text
from sqlalchemy.orm import Session, aliased

from app.datasets.tables import Dataset
from app.ecgs.tables import Ecg
from app.kit.pagination import Position, after
from app.reports.queries import counts_first
from app.reports.tables import Labeling, Report, StoredText


class Choice(NamedTuple):
    """Which ECGs a dataset takes, under which vocabulary."""

    vocabulary_id: uuid.UUID
    recorded_from: datetime | None
    recorded_to: datetime | None
    site: str | None
    device: str | None
    without_overread: bool


class Read(NamedTuple):
    """An ECG with its newest over-read and its machine report, each as text and as masks, where there is one."""

    ecg: Ecg
    overread: tuple[StoredText, Labeling] | None
    machine: tuple[StoredText, Labeling] | None


def readings(session: Session, choice: Choice, batch: int) -> Iterator[Read]:
    """Stream the chosen ECGs in the order of their waveform digests: the same ECGs give the same dataset."""
    statement: Select[Any] = select(Ecg).where(Ecg.waveform_sha256.is_not(None)).order_by(Ecg.waveform_sha256)
    for source in ("overread", "machine"):
        counting = _counting(source, choice.vocabulary_id)
        said, read = aliased(StoredText), aliased(Labeling)
        of_text = and_(read.text_id == counting.c.text_id, read.vocabulary_id == choice.vocabulary_id)
        needed = source == "overread" and not choice.without_overread
        statement = (
            statement.join(counting, counting.c.ecg_id == Ecg.id, isouter=not needed)
            .outerjoin(said, said.id == counting.c.text_id)
            .outerjoin(read, of_text)
            .add_columns(said, read)
        )
        if source == "overread" and choice.without_overread:
            statement = statement.where(counting.c.ecg_id.is_(None))
    if choice.recorded_from is not None:
        statement = statement.where(Ecg.recorded_at >= choice.recorded_from)
    if choice.recorded_to is not None:
        statement = statement.where(Ecg.recorded_at < choice.recorded_to)
    if choice.site is not None:
        statement = statement.where(Ecg.site == choice.site)
    if choice.device is not None:
        statement = statement.where(Ecg.device == choice.device)
    for row in session.execute(statement.execution_options(yield_per=batch)):
        ecg, over_text, over, machine_text, machine = row
        yield Read(ecg, (over_text, over) if over else None, (machine_text, machine) if machine else None)


def _counting(source: str, vocabulary_id: uuid.UUID):  # type: ignore[no-untyped-def]
    """Give, per ECG, the labeling of the source's report that counts: the one its pair is made of."""
    place = func.row_number().over(partition_by=Report.ecg_id, order_by=text(counts_first())).label("place")
    ranked = (
        select(Report.ecg_id, Report.text_id, place)
        .join(Labeling, Labeling.text_id == Report.text_id)
        .where(Report.source == source, Report.current, Labeling.vocabulary_id == vocabulary_id)
        .subquery()
    )
    return select(ranked.c.ecg_id, ranked.c.text_id).where(ranked.c.place == 1).subquery()


def by_id(session: Session, dataset_id: uuid.UUID) -> Dataset | None:
    """Find a dataset."""
    return session.get(Dataset, dataset_id)


def newest(session: Session, position: Position | None, limit: int) -> Sequence[Dataset]:
    """List datasets, newest first, one more than `limit`."""
    return session.scalars(after(select(Dataset), Dataset.created_at, Dataset.id, position, limit)).all()
