"""Storing reports as versions with their findings, and showing them; all in the caller's transaction."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from app.disagreement.pairs.queries import refresh_pairs
from app.kit import audit
from app.kit.database import Json
from app.kit.problems import FieldError, Problem, not_found
from app.reports import queries
from app.reports.schemas import ReportIn, ReportOut, Status
from app.vocabularies.service import ReadingRules
from ml.labeling.batch import read as read_text
from ml.labeling.batch import row


class Added(NamedTuple):
    """A report as it is now stored, and whether it is a new version."""

    report: ReportOut
    is_new: bool


class Stored(NamedTuple):
    """The id of a stored report, whether it is a new version, and whether something was filled in of an old one."""

    id: uuid.UUID
    is_new: bool
    is_filled: bool = False


def add(session: Session, actor: str, rules: Sequence[ReadingRules], ecg_id: uuid.UUID, *, given: ReportIn) -> Added:
    """Store a report and make the pairs of its ECG. Raises the 404 of an unknown ECG."""
    if not queries.lock_ecg(session, ecg_id):
        raise not_found("ECG")
    [stored] = store(session, actor, rules, ecg_id, readings=[given])
    if stored.is_new or stored.is_filled:
        refresh_pairs(session, ecg_id, [each.id for each in rules])
    report = next(report for report in of_ecg(session, ecg_id) if report.id == stored.id)
    return Added(report, stored.is_new)


def store(
    session: Session, actor: str, rules: Sequence[ReadingRules], ecg_id: uuid.UUID, *, readings: Sequence[ReportIn]
) -> list[Stored]:
    """Store reports of an ECG, each as the current one of its source and reader, labeled by all of `rules`.

    A report that is stored already, as the current one or with the same `authored_at`, is no new version: what was
    unknown of it (`blinded`, `validated`) is filled in. Raises the 409 of a report of which something else is known.
    The caller holds the lock of the ECG's row, and makes its pairs afterwards.
    """
    if not readings:
        return []
    said: list[queries.Said] = [
        (given.text, [code.model_dump() for code in given.codes] if given.codes is not None else None)
        for given in readings
    ]
    text_ids = queries.text_ids(session, said)
    known = {version.id: version for version in queries.versions(session, ecg_id)}
    stored: list[Stored] = []
    replaced: dict[uuid.UUID, queries.Version | None] = {}  # by new version: what was current until then
    for given, text_id in zip(readings, text_ids, strict=True):
        own = [each for each in known.values() if (each.source, each.reader) == (given.source, given.reader or "")]
        if (same := _said_before(own, given, text_id)) is not None:
            filled = _fill_in(session, actor, same, given) if same.id not in replaced else {}
            known[same.id] = same._replace(**filled)
            stored.append(Stored(same.id, is_new=False, is_filled=bool(filled)))
            continue
        previous = next((each for each in own if each.current), None)
        if previous is not None:
            known[previous.id] = previous._replace(current=False)
        new = queries.Version(
            id=uuid.uuid4(),
            source=given.source,
            reader=given.reader or "",
            version=own[-1].version + 1 if own else 1,
            current=True,
            final=given.final,
            blinded=given.blinded,
            validated=given.validated,
            text_id=text_id,
            authored_at=given.authored_at,
        )
        known[new.id] = new
        replaced[new.id] = previous
        stored.append(Stored(new.id, is_new=True))
    if replaced:
        label_new(session, rules, dict(zip(text_ids, said, strict=True)))
        if retired := {previous.id for previous in replaced.values() if previous is not None} - replaced.keys():
            queries.retire(session, retired)
        queries.add_reports(session, [{**known[new]._asdict(), "ecg_id": ecg_id} for new in replaced])
    for new_id, previous in replaced.items():
        new = known[new_id]
        audit.record(
            session,
            actor,
            "create",
            "report",
            resource_id=new_id,
            before={"report_id": previous.id, **_audited(previous)} if previous is not None else None,
            after={"ecg_id": ecg_id, **_audited(new)},
        )
    return stored


def _audited(version: queries.Version) -> Json:
    """Return what the audit log has of a version: everything but its words."""
    names = ("source", "reader", "version", "final", "blinded", "validated", "authored_at")
    return {name: getattr(version, name) for name in names}


def _fill_in(session: Session, actor: str, stored: queries.Version, given: ReportIn) -> dict[str, Any]:
    """Fill in what was unknown of a stored version; return it. Raises a 409 where something else is known."""
    said = {name: getattr(given, name) for name in ("blinded", "validated")}
    new = {name: value for name, value in said.items() if value not in ("unknown", getattr(stored, name))}
    if differing := [name for name in new if getattr(stored, name) != "unknown"]:
        reason = "the same reading is stored with the opposite"
        raise Problem(
            409,
            "stored_otherwise",
            f"{' and '.join(differing)}: {reason}.",
            [FieldError(field=name, code="stored_otherwise", reason=reason) for name in differing],
        )
    if new:
        queries.fill_in(session, stored.id, new)
        before = dict.fromkeys(new, "unknown")
        audit.record(session, actor, "update", "report", resource_id=stored.id, before=before, after=new)
    return new


def _said_before(own: Sequence[queries.Version], given: ReportIn, text_id: int) -> queries.Version | None:
    """Return the version that says the same: the current one, or one with the `authored_at` that is given.

    So a message that is sent twice does not undo a later correction.
    """
    same = [
        each
        for each in own
        if (each.text_id, each.final) == (text_id, given.final)
        and (each.current if given.authored_at is None else each.authored_at == given.authored_at)
    ]
    return same[-1] if same else None


def of_ecg(session: Session, ecg_id: uuid.UUID, only_current: bool = False) -> list[ReportOut]:
    """List an ECG's reports, oldest first."""
    return [_outside(reading) for reading in queries.with_findings(session, [ecg_id], only_current)]


def of_ecgs(session: Session, ecg_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[ReportOut]]:
    """Return the current reports of several ECGs."""
    readings: dict[uuid.UUID, list[ReportOut]] = {ecg_id: [] for ecg_id in ecg_ids}
    for reading in queries.with_findings(session, ecg_ids, only_current=True):
        readings[reading.ecg_id].append(_outside(reading))
    return readings


def said_by_machine(session: Session, ecg_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, dict[str, Status]]:
    """Return, by ECG, what the machine's report that counts says of labels; nothing of an ECG that has none."""
    return {
        reading.ecg_id: {each["label"]: each["status"] for each in reading.findings}
        for reading in queries.with_findings(session, ecg_ids, only_current=True)
        if reading.source == "machine" and reading.counts
    }


def _outside(reading: queries.ReportRow) -> ReportOut:
    known = reading._asdict()
    stance = known.pop("stance")
    said = {name: stance == name for name in ("agrees", "unreadable", "unread")}
    del known["ecg_id"]
    return ReportOut.model_validate({**known, "reader": reading.reader or None, **said})


def labelings(session: Session, read: Sequence[tuple[ReadingRules, int, queries.Said]]) -> list[Json]:
    """Label stored texts (rules, id, words or codes) and return the rows to be stored."""
    rows = [(rules, text_id, row(rules.labeler, read_text(rules.labeler, *said))) for rules, text_id, said in read]
    ids = queries.statement_ids(session, {form for *_, each in rows for form in each.unmapped})
    return [
        {
            **each._asdict(),
            "vocabulary_id": rules.id,
            "text_id": text_id,
            "unmapped": sorted(ids[form] for form in each.unmapped),
        }
        for rules, text_id, each in rows
    ]


def label_new(session: Session, rules: Sequence[ReadingRules], said: Mapping[int, queries.Said]) -> None:
    """Label the texts that have no labeling of a vocabulary yet."""
    by_id = {each.id: each for each in rules}
    new = queries.unread(session, list(by_id), list(said))
    if new:
        read = [(by_id[vocabulary_id], text_id, said[text_id]) for vocabulary_id, text_id in new]
        queries.add_labelings(session, labelings(session, read))
