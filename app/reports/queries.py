"""SQL of reports and labelings."""

import uuid
from collections.abc import Sequence

from sqlalchemy import Row, func, select, update
from sqlalchemy.orm import Session

from app.ecgs.tables import Ecg
from app.reports.tables import Labeling, Report
from app.vocabularies.tables import VocabularyRow


def lock_ecg(session: Session, ecg_id: uuid.UUID) -> bool:
    """Hold the ECG's row, so that versions and the pair change one writer at a time; False when there is none."""
    return session.scalar(select(Ecg.id).where(Ecg.id == ecg_id).with_for_update()) is not None


def current(session: Session, ecg_id: uuid.UUID, source: str, reader: str) -> Report | None:
    """Find the current version of one reader's reading."""
    return session.scalar(
        select(Report).where(Report.ecg_id == ecg_id, Report.source == source, Report.reader == reader, Report.current)
    )


def next_version(session: Session, ecg_id: uuid.UUID, source: str, reader: str) -> int:
    """Give the number the next version gets."""
    last = session.scalar(
        select(func.max(Report.version)).where(
            Report.ecg_id == ecg_id, Report.source == source, Report.reader == reader
        )
    )
    return (last or 0) + 1


def retire(session: Session, report: Report) -> None:
    """Make a version no longer the current one."""
    session.execute(update(Report).where(Report.id == report.id).values(current=False))


def with_findings(
    session: Session, ecg_ids: Sequence[uuid.UUID], only_current: bool = False
) -> Sequence[Row[Report, Labeling]]:
    """List the reports of these ECGs with their labeling under the active vocabulary, oldest first."""
    statement = (
        select(Report, Labeling)
        .join(Labeling, Labeling.report_id == Report.id)
        .join(VocabularyRow, VocabularyRow.id == Labeling.vocabulary_id)
        .where(Report.ecg_id.in_(ecg_ids), VocabularyRow.active)
        .order_by(Report.created_at, Report.source, Report.version)
    )
    if only_current:
        statement = statement.where(Report.current)
    return session.execute(statement).all()
