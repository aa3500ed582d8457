"""SQL of a search for ECGs.

Each filter but a finding has an index that ends in the order of the list. No index can say which of millions of reports
have a finding, so of the ECGs that the other filters leave a page examines so many and no more.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, cast, select, text
from sqlalchemy.orm import Session, aliased

from app.ecgs.search.selection import EcgSearch, WithFinding
from app.ecgs.tables import Ecg
from app.kit.pagination import Position, after
from app.reports.queries import counts_first
from app.reports.tables import Labeling, Report

EXAMINED = 5_000
"""ECGs whose reports a page looks at: about a tenth of a second where none has the finding."""


def newest(session: Session, chosen: EcgSearch, position: Position | None, limit: int) -> Sequence[Ecg]:
    """List the chosen ECGs, newest first, one more than `limit`; with a finding, of the next `EXAMINED` ones."""
    if chosen.finding is None:
        return session.scalars(after(_matching(chosen), Ecg.created_at, Ecg.id, position, limit=limit)).all()
    examined = after(_matching(chosen), Ecg.created_at, Ecg.id, position, limit=EXAMINED - 1).subquery()
    ecg = aliased(Ecg, examined, name="ecg")
    found = select(ecg).where(_has(ecg, chosen.finding))
    return session.scalars(after(found, ecg.created_at, ecg.id, None, limit=limit)).all()


def last_examined(session: Session, chosen: EcgSearch, position: Position | None) -> Position | None:
    """Return where the ECGs end that a page of a finding examines; None where it examines all that are left."""
    ends = after(_matching(chosen), Ecg.created_at, Ecg.id, position, limit=0).offset(EXAMINED - 1)
    row = session.execute(ends.with_only_columns(Ecg.created_at, Ecg.id)).first()
    return None if row is None else Position(*row)


def _matching(chosen: EcgSearch) -> Select[Any]:
    return select(Ecg).where(*_conditions(chosen))


def _conditions(chosen: EcgSearch) -> Iterator[ColumnElement[Any]]:
    for name in ("simulated", "record", "patient_hash", "site", "device"):
        if (value := getattr(chosen, name)) is not None:
            yield getattr(Ecg, name) == value
    if chosen.recorded_from is not None:
        yield Ecg.recorded_at >= chosen.recorded_from
    if chosen.recorded_to is not None:
        yield Ecg.recorded_at < chosen.recorded_to
    if chosen.has_waveform is not None:
        yield Ecg.waveform_sha256.is_not(None) if chosen.has_waveform else Ecg.waveform_sha256.is_(None)


def _has(ecg: Any, finding: WithFinding) -> ColumnElement[bool]:
    """Return the condition that an ECG has a finding: two looks into indexes, whatever the planner knows of them."""
    mask = (
        select(getattr(Labeling, finding.status))
        .where(Labeling.vocabulary_id == finding.vocabulary_id, Labeling.text_id == Report.text_id)
        .scalar_subquery()
    )
    said = (
        select(mask.op(">>")(cast(finding.bit, Integer)).op("&")(1))
        .where(Report.ecg_id == ecg.id, Report.source == finding.source, Report.current)
        .order_by(text(counts_first()))
        .limit(1)
        .scalar_subquery()
    )
    return said == 1
