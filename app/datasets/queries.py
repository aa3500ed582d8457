"""SQL of datasets."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import LargeBinary, Select, cast, exists, func, select, text
from sqlalchemy.orm import Session

from app.datasets.tables import Dataset
from app.disagreement.counting.queries import conditions, value_ids
from app.disagreement.counting.selection import PairFilter, names
from app.ecgs.queries import count_absent
from app.ecgs.tables import Ecg
from app.kit.database import Json
from app.kit.pagination import Position, after
from app.reports.queries import agreed, counts_first, is_read, overread_mask
from app.reports.tables import Report

MOST_COUNTED = 100_000
"""ECGs of a choice that are counted before it is frozen."""


class Choice(NamedTuple):
    """Which ECGs a dataset takes, under which vocabulary, whose pairs stand in `slot`; `pairs` chooses among those."""

    vocabulary_id: uuid.UUID
    slot: int
    recorded_from: datetime | None
    recorded_to: datetime | None
    site: str | None
    device: str | None
    without_overread: bool
    simulated: bool
    pairs: PairFilter | None


class Reading(NamedTuple):
    """A report's words or codes, and the masks that a vocabulary made of them."""

    text: str | None
    codes: list[Json] | None
    present: int
    uncertain: int


class ReadEcg(NamedTuple):
    """An ECG with the over-read and the machine report that count, None where there is none."""

    ecg: Ecg
    overread: Reading | None
    machine: Reading | None


def read_after(session: Session, choice: Choice, digest: str, limit: int) -> list[ReadEcg]:
    """Return the ECGs of a choice whose waveform digests follow `digest`, in their order, with their readings.

    Each ECG's reports are looked up by index. A join over all reports would read the whole archive for each batch.
    """
    ecgs = list(session.scalars(_of_choice(session, choice, digest).limit(limit)))
    ids = [ecg.id for ecg in ecgs]
    overread, machine = (_counting(session, choice.vocabulary_id, source, ids) for source in ("overread", "machine"))
    return [ReadEcg(ecg, overread.get(ecg.id), machine.get(ecg.id)) for ecg in ecgs]


def count(session: Session, choice: Choice) -> tuple[int, int]:
    """Count the ECGs of a choice, at most `MOST_COUNTED` + 1 of them, and their patients."""
    patient = func.coalesce(Ecg.patient_hash, cast(func.uuid_send(Ecg.id), LargeBinary))
    chosen = _of_choice(session, choice, "").with_only_columns(patient.label("patient")).order_by(None)
    some = chosen.limit(MOST_COUNTED + 1).subquery()
    ecgs, patients = session.execute(
        select(func.count(), func.count(some.c.patient.distinct())).select_from(some)
    ).one()
    return int(ecgs), int(patients)


def holds(session: Session, name: str, value: str | int, *, simulated: bool) -> bool:
    """Return whether a real, or simulated, ECG with a waveform has this `fold` or `site`."""
    has = exists().where(getattr(Ecg, name) == value, Ecg.simulated == simulated, Ecg.waveform_sha256.is_not(None))
    return bool(session.scalar(select(has)))


def holds_between(session: Session, start: datetime | None, end: datetime | None, *, simulated: bool) -> bool:
    """Return whether a real, or simulated, ECG with a waveform was recorded from `start` on and before `end`."""
    there = [Ecg.simulated == simulated, Ecg.waveform_sha256.is_not(None), Ecg.recorded_at.is_not(None)]
    if start is not None:
        there.append(Ecg.recorded_at >= start)
    if end is not None:
        there.append(Ecg.recorded_at < end)
    return bool(session.scalar(select(exists().where(*there))))


def _of_choice(session: Session, choice: Choice, digest: str) -> Select[Ecg]:
    overread = (
        select(Report.id)
        .where(Report.ecg_id == Ecg.id, Report.source == "overread", Report.current)
        .limit(1)  # an index lookup for each ECG: with the limit PostgreSQL makes no join over all reports
        .scalar_subquery()
    )
    statement = select(Ecg).where(
        Ecg.waveform_sha256 > digest,
        Ecg.simulated == choice.simulated,
        overread.is_(None) if choice.without_overread else overread.is_not(None),
    )
    if choice.recorded_from is not None:
        statement = statement.where(Ecg.recorded_at >= choice.recorded_from)
    if choice.recorded_to is not None:
        statement = statement.where(Ecg.recorded_at < choice.recorded_to)
    if choice.site is not None:
        statement = statement.where(Ecg.site == choice.site)
    if choice.device is not None:
        statement = statement.where(Ecg.device == choice.device)
    if choice.pairs is not None:
        where, parameters = conditions(choice.pairs, value_ids(session, names(choice.pairs)))
        pair = " AND ".join(["ecg_id = ecgs.id", *where])  # with the limit each pair is looked up by its ECG
        statement = statement.where(
            text(f"(SELECT true FROM pairs_{choice.slot:d} WHERE {pair} LIMIT 1)").bindparams(**parameters)  # noqa: S608
        )
    return statement.order_by(Ecg.waveform_sha256)


def _counting(
    session: Session, vocabulary_id: uuid.UUID, source: str, ecg_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, Reading]:
    """Return, by ECG, the source's reading that counts: the one that its pair is made of.

    `LIMIT 1` makes PostgreSQL look up each ECG by index, also if it has no statistics of the tables yet.
    """
    rows = session.execute(
        text(
            f"""
            SELECT chosen.ecg_id, texts.text, texts.codes,
                   {overread_mask("present", "labeling", "agreed")}, {overread_mask("uncertain", "labeling", "agreed")}
            FROM unnest(CAST(:ecg_ids AS uuid[])) AS chosen (ecg_id)
            CROSS JOIN LATERAL (
                SELECT ecg_id, text_id, created_at FROM reports
                WHERE ecg_id = chosen.ecg_id AND source = :source AND current
                ORDER BY {counts_first()} LIMIT 1
            ) AS counting
            CROSS JOIN LATERAL (
                SELECT * FROM labelings WHERE vocabulary_id = :vocabulary AND text_id = counting.text_id LIMIT 1
            ) AS labeling
            LEFT JOIN LATERAL {agreed("counting", "labeling")} AS agreed ON :source = 'overread'
            CROSS JOIN LATERAL (SELECT text, codes FROM texts WHERE id = counting.text_id LIMIT 1) AS texts
            WHERE (:source = 'machine' AND labeling.stance <> 'unread') OR {is_read("labeling", "agreed")}
            """  # noqa: S608
        ),
        {"ecg_ids": list(ecg_ids), "vocabulary": vocabulary_id, "source": source},
    )
    return {ecg_id: Reading(*said) for ecg_id, *said in rows}


def add_ecgs(session: Session, dataset_id: uuid.UUID, ecg_ids: Sequence[uuid.UUID]) -> int:
    """Write down which ECGs a dataset holds; return how many of them were erased since they were read."""
    session.execute(
        text(
            "INSERT INTO dataset_ecgs (ecg_id, dataset_id) SELECT id, :dataset FROM unnest(CAST(:ids AS uuid[])) id "
            "ORDER BY id"
        ),
        {"dataset": dataset_id, "ids": list(ecg_ids)},
    )
    return count_absent(session, ecg_ids)


def by_id(session: Session, dataset_id: uuid.UUID) -> Dataset | None:
    """Return a dataset, or None."""
    return session.get(Dataset, dataset_id)


def newest(session: Session, position: Position | None, limit: int) -> Sequence[Dataset]:
    """Return datasets, newest first, one more than `limit`."""
    return session.scalars(after(select(Dataset), Dataset.created_at, Dataset.id, position, limit=limit)).all()
