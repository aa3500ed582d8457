"""Adding a reading: version, findings and pair in the caller's transaction."""

import uuid
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy.orm import Session

from app.disagreement.queries import refresh_pair
from app.kit import audit
from app.kit.database import Json
from app.kit.problems import not_found
from app.reports import queries
from app.reports.schemas import ReportIn, ReportOut
from app.reports.tables import Report
from app.vocabularies.service import ReadingRules
from ml.labeling.batch import read as read_text
from ml.labeling.batch import row


class Added(NamedTuple):
    """The reading as it is now stored, and whether it is a new version."""

    report: ReportOut
    is_new: bool


def add(session: Session, actor: str, rules: Sequence[ReadingRules], ecg_id: uuid.UUID, given: ReportIn) -> Added:
    """Store a reading as the current one of its source and reader, read by every vocabulary in `rules`.

    The current reading again, or any that the reader has said at the time that is given, changes nothing. Raises the
    404 of an unknown ECG.
    """
    if not queries.lock_ecg(session, ecg_id):
        raise not_found("ECG")
    codes = [code.model_dump() for code in given.codes] if given.codes is not None else None
    reader = given.reader or ""
    previous = queries.current(session, ecg_id, given.source, reader)
    text_id = queries.text_of(session, given.text, codes)
    same = previous
    if given.authored_at is not None:  # a message that is sent twice takes no later correction back
        same = queries.said_at(session, ecg_id, given.source, reader, text_id, given.final, given.authored_at)
    if same is not None and (same.text_id, same.final) == (text_id, given.final):
        return Added(_stored(session, same), is_new=False)

    _read_new(session, rules, text_id, given.text, codes)
    version = queries.next_version(session, ecg_id, given.source, reader)
    if previous is not None:
        queries.retire(session, previous)
    report = Report(
        ecg_id=ecg_id,
        source=given.source,
        reader=reader,
        version=version,
        current=True,
        final=given.final,
        text_id=text_id,
        authored_at=given.authored_at,
    )
    session.add(report)
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
        after={"ecg_id": ecg_id, "source": given.source, "version": version, "final": given.final},
    )
    return Added(_stored(session, report), is_new=True)


def store_texts(session: Session, readings: Sequence[ReportIn]) -> None:
    """Store what several readings say before anything else, sorted, so that no two writers wait for each other."""
    for text in sorted(given.text for given in readings if given.text is not None):
        queries.text_of(session, text, None)


def read_texts(session: Session, rules: Sequence[ReadingRules], readings: Sequence[ReportIn]) -> None:
    """Read what several stored texts say in the order of their ids, so that no two writers wait for each other."""
    texts = [given.text for given in readings if given.text is not None]
    for text_id, text in sorted((queries.text_of(session, text, None), text) for text in texts):
        _read_new(session, rules, text_id, text, None)


def of_ecg(session: Session, ecg_id: uuid.UUID, only_current: bool = False) -> list[ReportOut]:
    """List an ECG's readings, oldest first."""
    return [_outside(reading) for reading in queries.with_findings(session, [ecg_id], only_current)]


def of_ecgs(session: Session, ecg_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[ReportOut]]:
    """Give the current readings of several ECGs."""
    readings: dict[uuid.UUID, list[ReportOut]] = {ecg_id: [] for ecg_id in ecg_ids}
    for reading in queries.with_findings(session, ecg_ids, only_current=True):
        readings[reading.ecg_id].append(_outside(reading))
    return readings


def _outside(reading: queries.ReportRow) -> ReportOut:
    known = reading._asdict()
    del known["ecg_id"]
    return ReportOut.model_validate({**known, "reader": reading.reader or None})


def labelings(
    session: Session, rules: ReadingRules, texts: Sequence[tuple[int, str | None, list[Json] | None]]
) -> list[Json]:
    """Read stored texts (id, words, codes) and give the rows of what was read."""
    read = [(text_id, row(rules.labeler, read_text(rules.labeler, words, codes))) for text_id, words, codes in texts]
    ids = queries.statement_ids(session, {form for _, each in read for form in each.unmapped})
    return [
        {
            "vocabulary_id": rules.id,
            "text_id": text_id,
            "present": each.present,
            "uncertain": each.uncertain,
            "negated": each.negated,
            "historical": each.historical,
            "findings": each.findings,
            "unmapped": sorted(ids[form] for form in each.unmapped),
        }
        for text_id, each in read
    ]


def _read_new(
    session: Session, rules: Sequence[ReadingRules], text_id: int, text: str | None, codes: list[Json] | None
) -> None:
    for each in rules:
        if not queries.is_labelled(session, text_id, each.id):
            queries.add_labelings(session, labelings(session, each, [(text_id, text, codes)]))


def _stored(session: Session, report: Report) -> ReportOut:
    rows = queries.with_findings(session, [report.ecg_id])
    return next(_outside(reading) for reading in rows if reading.id == report.id)
