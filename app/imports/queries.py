"""SQL of imports: COPY into temporary tables, then statements over whole batches."""

import hashlib
import uuid
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.disagreement.pairs.queries import remake_pairs
from app.imports.batch import Batch, Said
from app.imports.copying import ascending_ids, copy_rows
from app.imports.ecgs import queries as ecgs
from app.imports.ledger import queries as ledger
from app.reports.queries import said_as
from app.vocabularies.tables import VocabularyRow

_REPORT = "id, ecg_id, source, reader, version, current, final, text_id, authored_at, blinded, validated, created_at"
# later lines came later: a batch takes more than a microsecond a line
_IN_ORDER = "now() + r.place * interval '1 microsecond'"


class Stored(NamedTuple):
    """What a batch has changed."""

    ecgs: int  # new ones
    reports: int  # new versions
    known: int  # readings that were there already
    conflicts: dict[str, int]  # by field: ECGs of which something else was stored, and kept
    taken: list[int]  # places of ECGs that were not stored: another waveform has their record
    again: list[int]  # places of ECGs that were not stored, and may come again: they are the same as another one
    unread: int  # of the new versions, those in a language that the active vocabulary does not have


def store_texts(session: Session, said: Sequence[Said]) -> list[int]:
    """Store the texts and codes that are new; return the id of each."""
    session.execute(
        text(
            "CREATE TEMPORARY TABLE arriving_texts (place integer, sha256 bytea, text text, codes jsonb) ON COMMIT DROP"
        )
    )
    rows = ((place, _digest(words, codes), words, codes) for place, (words, codes) in enumerate(said))
    copy_rows(session, "arriving_texts", rows)
    digest = f"sha256(convert_to({said_as('text', 'codes')}, 'UTF8'))"
    session.execute(text(f"UPDATE arriving_texts SET sha256 = {digest} WHERE codes IS NOT NULL"))  # noqa: S608
    session.execute(
        text(
            """
            INSERT INTO texts (sha256, text, codes)
            SELECT sha256, text, codes FROM (SELECT DISTINCT ON (sha256) * FROM arriving_texts ORDER BY sha256) a
            WHERE NOT EXISTS (SELECT FROM texts t WHERE t.sha256 = a.sha256)
            ORDER BY text COLLATE "C", sha256 ON CONFLICT DO NOTHING
            """
        )
    )
    found = session.scalars(text("SELECT id FROM arriving_texts JOIN texts USING (sha256) ORDER BY place"))
    return list(found)


def unlabelled(session: Session, vocabulary_id: uuid.UUID, text_ids: Sequence[int]) -> list[int]:
    """Return which of these texts have no labeling of a vocabulary, in the order of their ids.

    In that order two writers that label the same texts do not deadlock.
    """
    rows = session.scalars(
        text(
            "SELECT id FROM unnest(CAST(:ids AS bigint[])) id WHERE NOT EXISTS "
            "(SELECT FROM labelings WHERE vocabulary_id = :vocabulary AND text_id = id) ORDER BY id"
        ),
        {"ids": list(text_ids), "vocabulary": vocabulary_id},
    )
    return list(rows)


def store(session: Session, batch: Batch, text_ids: Sequence[int], maintained: Sequence[VocabularyRow]) -> Stored:
    """Store a batch's ECGs and readings, and make its pairs for every maintained vocabulary, which has read its texts.

    A report is known where the same reader has said the same words before, at the same `authored_at` if the line has
    one. Versions are never deleted, so a known line stays known. Missing facts of a known ECG are filled in; facts that
    differ are counted, and the stored ones stay.
    """
    _copy_in(session, batch, text_ids)
    found = ecgs.store(session, batch)
    reports = len(batch.reports) - _drop_reports_of(session, [*found.taken, *found.again])
    conflicts = found.conflicts
    known = 0
    for turn in range(1, 1 + max((report.turn for report in batch.reports), default=0)):
        if turn > 1 or found.new < len(batch.ecgs):
            conflicts |= _fill_in_known(session, batch, turn)
            known += _drop_known(session, turn)
            _add_versions(session, turn)
        else:
            _add_first_versions(session)
    for vocabulary in maintained:
        assert vocabulary.slot is not None
        remake_pairs(
            session,
            vocabulary.id,
            vocabulary.slot,
            ecgs="SELECT id FROM arriving_ecgs WHERE touched",
            known="SELECT id FROM arriving_ecgs WHERE touched AND known",
        )
    not_stored = {*found.taken, *found.again}
    ledger.record(session, [file for place, file in batch.files if place not in not_stored])
    unread = _count_unread(session, maintained[0].id)
    return Stored(found.new, reports - known, known, conflicts, found.taken, found.again, unread)


def _count_unread(session: Session, vocabulary_id: uuid.UUID) -> int:
    """Count the new reports that a vocabulary cannot read; an index has the labelings of those alone."""
    counted = session.execute(
        text(
            "SELECT count(*) FROM arriving_reports r JOIN labelings l ON l.text_id = r.text_id "
            "WHERE l.vocabulary_id = :vocabulary AND l.stance::text = 'unread'"
        ),
        {"vocabulary": vocabulary_id},
    )
    return int(counted.scalar_one())


def count_cells_of(session: Session, slot: int | None, records: str) -> list[tuple[int, int, int]]:
    """Return how many pairs have which positive labels of machine and over-read, for records with this prefix."""
    rows = session.execute(
        text(
            """
            SELECT machine_present | machine_uncertain, overread_present | overread_uncertain, pairs FROM (
                SELECT cell_id, count(*) AS pairs FROM pairs JOIN ecgs ON ecgs.id = ecg_id
                WHERE slot = :slot AND starts_with(record, :records) GROUP BY cell_id
            ) counts JOIN cells ON cells.id = cell_id WHERE left_out = 0
            """
        ),
        {"slot": slot, "records": records},
    )
    return [(machine, overread, pairs) for machine, overread, pairs in rows]


def _copy_in(session: Session, batch: Batch, text_ids: Sequence[int]) -> None:
    ecgs.copy_in(session, batch)
    session.execute(
        text(
            "CREATE TEMPORARY TABLE arriving_reports (place integer, id uuid, ecg integer, text_id bigint, "
            "source text, reader text, authored_at timestamptz, final boolean, blinded text, validated text, "
            "turn integer) ON COMMIT DROP"
        )
    )
    copy_rows(
        session,
        "arriving_reports",
        (
            (place, report_id, report.ecg, text_ids[report.said], *report[2:])
            for place, (report_id, report) in enumerate(
                zip(ascending_ids(len(batch.reports)), batch.reports, strict=True)
            )
        ),
    )
    session.execute(text("ANALYZE arriving_ecgs (place, id), arriving_reports (ecg)"))


_SAID_BEFORE = """
    p.ecg_id = a.id AND p.source = r.source AND p.reader = r.reader AND p.text_id = r.text_id AND p.final = r.final
    AND (r.authored_at IS NULL OR p.authored_at = r.authored_at)
"""


def _fill_in_known(session: Session, batch: Batch, turn: int) -> dict[str, int]:
    """Fill in what was unknown of reports that are stored already; return the conflicts by field."""
    conflicts = {}
    for name in ("blinded", "validated"):
        if all(getattr(report, name) == "unknown" for report in batch.reports):
            continue
        same = f"r.turn = :turn AND a.place = r.ecg AND {_SAID_BEFORE} AND r.{name} <> 'unknown'"
        opposite = f"p.{name} NOT IN ('unknown', r.{name})"
        found: int = session.execute(
            text(f"SELECT count(*) FROM arriving_reports r, arriving_ecgs a, reports p WHERE {same} AND {opposite}"),  # noqa: S608
            {"turn": turn},
        ).scalar_one()
        if found:
            conflicts[name] = found
        session.execute(
            text(
                f"""
                WITH filled AS (
                    UPDATE reports p SET {name} = r.{name} FROM arriving_reports r, arriving_ecgs a
                    WHERE {same} AND p.{name} = 'unknown' RETURNING p.ecg_id
                )
                UPDATE arriving_ecgs a SET touched = true FROM filled WHERE filled.ecg_id = a.id AND NOT touched
                """  # noqa: S608
            ),
            {"turn": turn},
        )
    return conflicts


def _drop_reports_of(session: Session, places: list[int]) -> int:
    """Drop the reports of ECGs that are not stored; return how many."""
    if not places:
        return 0
    dropped = session.execute(text("DELETE FROM arriving_reports WHERE ecg = ANY(:places)"), {"places": places})
    return dropped.rowcount  # type: ignore[attr-defined, no-any-return]


def _drop_known(session: Session, turn: int) -> int:
    """Drop the reports that are stored already; return how many. Versions that others replace are no longer current."""
    dropped = session.execute(
        text(
            f"""
            DELETE FROM arriving_reports r USING arriving_ecgs a
            WHERE r.turn = :turn AND a.place = r.ecg AND EXISTS (SELECT FROM reports p WHERE {_SAID_BEFORE})
            """  # noqa: S608
        ),
        {"turn": turn},
    )
    session.execute(
        text(
            """
            UPDATE reports p SET current = false FROM arriving_reports r JOIN arriving_ecgs a ON a.place = r.ecg
            WHERE r.turn = :turn AND p.ecg_id = a.id AND p.source = r.source AND p.reader = r.reader AND p.current
            """
        ),
        {"turn": turn},
    )
    return dropped.rowcount  # type: ignore[attr-defined, no-any-return]


def _add_first_versions(session: Session) -> None:
    """Store reports of ECGs that are all new."""
    session.execute(
        text(
            f"""
            INSERT INTO reports ({_REPORT})
            SELECT r.id, a.id, source, reader, 1, true, final, text_id, authored_at, blinded, validated, {_IN_ORDER}
            FROM arriving_reports r JOIN arriving_ecgs a ON a.place = r.ecg WHERE turn = 1
            """  # noqa: S608
        )
    )


def _add_versions(session: Session, turn: int) -> None:
    session.execute(
        text(
            f"""
            WITH added AS (
                INSERT INTO reports ({_REPORT})
                SELECT r.id, a.id, r.source, r.reader, 1 + coalesce((
                    SELECT max(version) FROM reports p
                    WHERE p.ecg_id = a.id AND p.source = r.source AND p.reader = r.reader
                ), 0), true, r.final, r.text_id, r.authored_at, r.blinded, r.validated, {_IN_ORDER}
                FROM arriving_reports r JOIN arriving_ecgs a ON a.place = r.ecg WHERE r.turn = :turn
                RETURNING ecg_id
            )
            UPDATE arriving_ecgs a SET touched = true FROM added WHERE added.ecg_id = a.id AND NOT touched
            """  # noqa: S608
        ),
        {"turn": turn},
    )


def _digest(words: str | None, codes: str | None) -> str | None:
    """Return the digest of words alone; that of codes, or of both, the database makes of its own form of the codes."""
    return None if words is None or codes is not None else f"\\x{hashlib.sha256(b't' + words.encode()).hexdigest()}"
