"""SQL of the over-read audit. What is read of the archive is read in blocks of ECGs."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import exists, func, insert, select, text
from sqlalchemy.orm import Session

from app.discrepancy_models.tables import DiscrepancyModel
from app.kit.database import Json
from app.over_read_audit.tables import OverReadAudit, OverReadDecision, OverReadFlag, OverReadReader
from app.reports.queries import agreed, counts_first, is_read, overread_mask
from app.vocabularies.tables import VocabularyRow

_PRESENT, _UNCERTAIN = (overread_mask(mask, "l", "a") for mask in ("present", "uncertain"))
_IS_READ = is_read("l", "a")


def _read(report: str) -> str:
    """Return the SQL of the masks that the vocabulary gives an over-read; no row where it cannot be compared."""
    return f"""LATERAL (
        SELECT {_PRESENT} AS present, {_UNCERTAIN} AS uncertain
        FROM labelings l LEFT JOIN LATERAL {agreed(report, "l")} a ON true
        WHERE l.text_id = {report}.text_id AND l.vocabulary_id = :vocabulary AND {_IS_READ} LIMIT 1
    )"""  # noqa: S608


def _counted(ecg_id: str) -> str:
    """Return the SQL of the over-read of an ECG that counts, with its masks."""
    return f"""LATERAL (
        SELECT r.id, r.reader, r.text_id, masks.present, masks.uncertain FROM (
            SELECT * FROM reports r WHERE r.ecg_id = {ecg_id} AND r.source = 'overread' AND r.current
            ORDER BY {counts_first("r")} LIMIT 1
        ) r JOIN {_read("r")} masks ON true
    )"""  # noqa: S608


_SIGNED = text(
    f"""
    SELECT e.id AS ecg_id, signed.id AS report_id, signed.reader, signed.present, signed.uncertain,
        earlier.id AS earlier_ecg_id, earlier.present AS earlier_present, earlier.uncertain AS earlier_uncertain
    FROM unnest(CAST(:ids AS uuid[])) asked (id)
    JOIN LATERAL (
        SELECT id, patient_hash, recorded_at FROM ecgs WHERE id = asked.id AND simulated = :simulated LIMIT 1
    ) e ON true
    JOIN {_counted("e.id")} signed ON true
    LEFT JOIN LATERAL (
        SELECT before.id, counted.present, counted.uncertain FROM (
            SELECT b.id FROM ecgs b WHERE b.patient_hash = e.patient_hash AND b.recorded_at < e.recorded_at
            AND EXISTS (SELECT FROM reports WHERE ecg_id = b.id AND source = 'overread' AND current LIMIT 1)
            ORDER BY b.recorded_at DESC, b.id LIMIT 1
        ) before JOIN {_counted("before.id")} counted ON true
    ) earlier ON true
    """  # noqa: S608
)
_OTHERS = text(
    f"""
    SELECT signed.ecg_id, masks.present, masks.uncertain
    FROM unnest(CAST(:ecgs AS uuid[]), CAST(:readers AS text[])) signed (ecg_id, reader)
    JOIN LATERAL (
        SELECT * FROM reports r WHERE r.ecg_id = signed.ecg_id AND r.source = 'overread' AND r.current
        AND r.reader <> signed.reader AND r.reader <> '' ORDER BY {counts_first("r")} LIMIT :most
    ) other ON true
    JOIN {_read("other")} masks ON true
    """  # noqa: S608
)
MOST_OTHERS = 50
"""Other readers of one ECG that are asked."""


class Signed(NamedTuple):
    """The over-read of an ECG that counts, and that of the patient's last earlier ECG that was over-read."""

    ecg_id: uuid.UUID
    report_id: uuid.UUID
    reader: str
    present: int
    uncertain: int
    earlier_ecg_id: uuid.UUID | None
    earlier_present: int | None
    earlier_uncertain: int | None


class Other(NamedTuple):
    """What another reader says of an ECG."""

    ecg_id: uuid.UUID
    present: int
    uncertain: int


def signed(
    session: Session, vocabulary_id: uuid.UUID, ecg_ids: Sequence[uuid.UUID], *, simulated: bool
) -> list[Signed]:
    """Return the over-reads of some ECGs, in no order; those that cannot be compared are left out."""
    given = {"ids": list(ecg_ids), "vocabulary": vocabulary_id, "simulated": simulated}
    return [Signed(*row) for row in session.execute(_SIGNED, given)]


def others(session: Session, vocabulary_id: uuid.UUID, rows: Sequence[Signed]) -> list[Other]:
    """Return what other readers say of the same ECGs."""
    given = {
        "ecgs": [row.ecg_id for row in rows],
        "readers": [row.reader for row in rows],
        "vocabulary": vocabulary_id,
        "most": MOST_OTHERS,
    }
    return [Other(*row) for row in session.execute(_OTHERS, given)]


def decided(session: Session, report_ids: Sequence[uuid.UUID]) -> set[tuple[uuid.UUID, str]]:
    """Return which labels of some over-reads somebody has decided on, in any audit."""
    chosen = OverReadFlag.report_id.in_(report_ids), OverReadFlag.decision.is_not(None)
    rows = session.execute(select(OverReadFlag.report_id, OverReadFlag.label).where(*chosen))
    return {(report_id, label) for report_id, label in rows}


def add_audit(session: Session, audit: OverReadAudit, flags: Sequence[Json], readers: Sequence[Json]) -> None:
    """Store an audit. What earlier ones of the same kind of ECGs list and nobody has decided on goes."""
    session.execute(
        text(
            "DELETE FROM over_read_flags f USING over_read_audits a WHERE a.id = f.audit_id "
            "AND a.simulated = :simulated AND f.decision IS NULL"
        ),
        {"simulated": audit.simulated},
    )
    session.add(audit)
    session.flush()
    if flags:
        session.execute(insert(OverReadFlag), list(flags))
    if readers:
        session.execute(insert(OverReadReader), list(readers))


def there(session: Session, table: str, ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Return those of some rows of a table that are still there."""
    return set(session.scalars(text(f"SELECT id FROM {table} WHERE id = ANY(:ids)"), {"ids": list(ids)}))  # noqa: S608


def newest(session: Session, *, simulated: bool) -> OverReadAudit | None:
    """Return the audit that is shown."""
    made = OverReadAudit.created_at.desc(), OverReadAudit.id.desc()
    return session.scalar(select(OverReadAudit).where(OverReadAudit.simulated == simulated).order_by(*made).limit(1))


class FlagRow(NamedTuple):
    """A flag with what was written of its ECG."""

    id: uuid.UUID
    audit_id: uuid.UUID
    ecg_id: uuid.UUID
    report_id: uuid.UUID
    label: str
    asserted: bool
    rank: int
    label_rank: int
    evidence: float
    weight: str
    score: float
    probability: float | None
    model: float
    others: float
    others_for: int
    others_against: int
    earlier: float
    earlier_asserted: bool | None
    reader: str
    current: bool
    authored_at: datetime | None
    text: str | None
    codes: list[Json] | None
    machine_text: str | None
    machine_codes: list[Json] | None
    earlier_at: datetime | None
    decision: Json | None


_FLAG = ", ".join(f"f.{name}" for name in FlagRow._fields[: FlagRow._fields.index("reader")])
_WITH_WORDS = f"""
    SELECT {_FLAG}, r.reader, r.current, r.authored_at, said.text, said.codes, machine.text, machine.codes,
        earlier.recorded_at, last.decision
    FROM (SELECT * FROM over_read_flags f WHERE {{chosen}} ORDER BY rank LIMIT :limit) f
    JOIN LATERAL (SELECT reader, current, authored_at, text_id FROM reports WHERE id = f.report_id LIMIT 1) r ON true
    JOIN LATERAL (SELECT text, codes FROM texts WHERE id = r.text_id LIMIT 1) said ON true
    LEFT JOIN LATERAL (
        SELECT text, codes FROM texts WHERE id = (
            SELECT m.text_id FROM reports m WHERE m.ecg_id = f.ecg_id AND m.source = 'machine' AND m.current
            ORDER BY {counts_first("m")} LIMIT 1
        ) LIMIT 1
    ) machine ON true
    LEFT JOIN LATERAL (SELECT recorded_at FROM ecgs WHERE id = f.earlier_ecg_id LIMIT 1) earlier ON true
    LEFT JOIN LATERAL (
        SELECT jsonb_build_object('id', id, 'decision', decision, 'reason', reason, 'by', decided_by, 'at', decided_at)
        FROM over_read_decisions WHERE flag_id = f.id ORDER BY number DESC LIMIT 1
    ) last (decision) ON true
    ORDER BY f.rank
"""  # noqa: S608


def flags(
    session: Session, audit_id: uuid.UUID, *, after: int, limit: int, label: str | None, decided: bool | None
) -> list[FlagRow]:
    """Return flags of an audit by rank, those after a rank, one more than `limit`; only decided, open, or all."""
    chosen = ["f.audit_id = :audit", "f.rank > :after"]
    chosen += ["f.label = :label"] if label is not None else []
    chosen += [f"f.decision IS {'NOT ' if decided else ''}NULL"] if decided is not None else []
    given = {"audit": audit_id, "after": after, "label": label, "limit": limit + 1}
    rows = session.execute(text(_WITH_WORDS.format(chosen=" AND ".join(chosen))), given)
    return [FlagRow(*row) for row in rows]


def flag(session: Session, flag_id: uuid.UUID) -> FlagRow | None:
    """Return a flag, or None."""
    row = session.execute(text(_WITH_WORDS.format(chosen="f.id = :id")), {"id": flag_id, "limit": 1}).one_or_none()
    return FlagRow(*row) if row is not None else None


def lock_flag(session: Session, flag_id: uuid.UUID) -> OverReadFlag | None:
    """Return a flag, and hold other decisions on it off until the transaction ends; None where there is none."""
    return session.scalar(select(OverReadFlag).where(OverReadFlag.id == flag_id).with_for_update())


def decisions(session: Session, flag_id: uuid.UUID) -> Sequence[OverReadDecision]:
    """Return all decisions on a flag, the first one first."""
    of_flag = select(OverReadDecision).where(OverReadDecision.flag_id == flag_id)
    return session.scalars(of_flag.order_by(OverReadDecision.number)).all()


class DecidedRank(NamedTuple):
    """The rank of a flag that was decided, and how."""

    rank: int
    decision: str | None


def decided_ranks(session: Session, audit_id: uuid.UUID, label: str | None) -> tuple[int, list[DecidedRank]]:
    """Return how many flags an audit has (of a label), and the decided ones by rank (of the label)."""
    rank = OverReadFlag.rank if label is None else OverReadFlag.label_rank
    chosen = [OverReadFlag.audit_id == audit_id, *([OverReadFlag.label == label] if label is not None else [])]
    number = session.scalars(select(func.count()).select_from(OverReadFlag).where(*chosen)).one()
    rows = session.execute(
        select(rank, OverReadFlag.decision).where(*chosen, OverReadFlag.decision.is_not(None)).order_by(rank)
    )
    return number, [DecidedRank(*row) for row in rows]


def readers(session: Session, audit_id: uuid.UUID) -> Sequence[OverReadReader]:
    """Return the readers' rates in an audit, the highest lower limit first."""
    of_audit = select(OverReadReader).where(OverReadReader.audit_id == audit_id)
    return session.scalars(of_audit.order_by(OverReadReader.low.desc().nulls_last(), OverReadReader.reader)).all()


def has_newer_model(session: Session, audit: OverReadAudit) -> bool:
    """Return whether there is a discrepancy model of the same kind of ECGs that was made after an audit."""
    newer = DiscrepancyModel.simulated == audit.simulated, DiscrepancyModel.created_at > audit.created_at
    return bool(session.scalar(select(exists().where(*newer))))


def version_of(session: Session, vocabulary_id: uuid.UUID) -> str:
    """Return the version of a vocabulary."""
    return session.scalars(select(VocabularyRow.version).where(VocabularyRow.id == vocabulary_id)).one()
