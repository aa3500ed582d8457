"""Adding a reading: version, findings and pair in the caller's transaction."""

import uuid
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy.orm import Session

from app.disagreement.queries import refresh_pair
from app.kit import audit
from app.kit.database import Json
from app.kit.problems import invalid, not_found
from app.reports import queries
from app.reports.identifiers import without_identifier_lines
from app.reports.schemas import CodeIn, FindingOut, ReportIn, ReportOut
from app.reports.tables import Labeling, Report
from app.vocabularies.service import ReadingRules
from ml.labeling import Code, Reading


class Added(NamedTuple):
    """The reading as it is now stored, and whether it is a new version."""

    report: ReportOut
    is_new: bool


def add(session: Session, actor: str, rules: ReadingRules, ecg_id: uuid.UUID, given: ReportIn) -> Added:
    """Store a reading as the current one of its source and reader.

    The same reading again changes nothing. Raises the 404 of an unknown ECG, and the 422 of a text that
    holds nothing but identifier lines.
    """
    if not queries.lock_ecg(session, ecg_id):
        raise not_found("ECG")
    text = _storable(given.text) if given.text is not None else None
    codes = [code.model_dump() for code in given.codes] if given.codes is not None else None
    reader = given.reader or ""
    previous = queries.current(session, ecg_id, given.source, reader)
    if previous is not None and (previous.text, previous.codes) == (text, codes):
        labeling = next(found for report, found in queries.with_findings(session, [ecg_id]) if report.id == previous.id)
        return Added(outside(previous, labeling), is_new=False)

    reading = _read(rules, text, codes)
    version = queries.next_version(session, ecg_id, given.source, reader)
    if previous is not None:
        queries.retire(session, previous)
    report = Report(
        ecg_id=ecg_id,
        source=given.source,
        reader=reader,
        version=version,
        current=True,
        text=text,
        codes=codes,
        authored_at=given.authored_at,
    )
    session.add(report)
    session.flush()
    labeling = _labeling(report.id, rules.id, reading)
    session.add(labeling)
    session.flush()
    session.refresh(report, ["created_at"])
    refresh_pair(session, ecg_id)
    audit.record(
        session,
        actor,
        "create",
        "report",
        report.id,
        before={"version": previous.version, "report_id": previous.id} if previous is not None else None,
        after={"ecg_id": ecg_id, "source": given.source, "version": version},
    )
    return Added(outside(report, labeling), is_new=True)


def of_ecg(session: Session, ecg_id: uuid.UUID, only_current: bool = False) -> list[ReportOut]:
    """List an ECG's readings, oldest first."""
    return [outside(report, labeling) for report, labeling in queries.with_findings(session, [ecg_id], only_current)]


def of_ecgs(session: Session, ecg_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[ReportOut]]:
    """Give the current readings of several ECGs."""
    readings: dict[uuid.UUID, list[ReportOut]] = {ecg_id: [] for ecg_id in ecg_ids}
    for report, labeling in queries.with_findings(session, ecg_ids, only_current=True):
        readings[report.ecg_id].append(outside(report, labeling))
    return readings


def outside(report: Report, labeling: Labeling) -> ReportOut:
    """Show a stored reading."""
    return ReportOut(
        id=report.id,
        source=report.source,
        reader=report.reader or None,
        version=report.version,
        current=report.current,
        text=report.text,
        codes=[CodeIn.model_validate(code) for code in report.codes] if report.codes is not None else None,
        authored_at=report.authored_at,
        created_at=report.created_at,
        findings=[FindingOut.model_validate(finding) for finding in labeling.findings],
    )


def _storable(text: str) -> str:
    kept = without_identifier_lines(text).text
    if not kept.strip():
        raise invalid("text", "holds no diagnosis statement")
    return kept


def _read(rules: ReadingRules, text: str | None, codes: list[Json] | None) -> Reading:
    if text is not None:
        return rules.labeler.read(text)
    assert codes is not None
    return rules.labeler.read_codes([Code(**code) for code in codes])


def _labeling(report_id: uuid.UUID, vocabulary_id: uuid.UUID, reading: Reading) -> Labeling:
    masks = reading.masks()
    return Labeling(
        report_id=report_id,
        vocabulary_id=vocabulary_id,
        present=masks.present,
        uncertain=masks.uncertain,
        negated=masks.negated,
        historical=masks.historical,
        findings=[finding._asdict() for finding in reading.findings],
    )
