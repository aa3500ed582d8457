"""SQL of imports: COPY into temporary tables, then statements over whole batches."""

import hashlib
import os
import secrets
import uuid
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.disagreement.pairs.queries import remake_pairs
from app.ecgs.measurements import MEASURED
from app.imports.batch import Batch, Facts, Said
from app.reports.queries import said_as
from app.vocabularies.tables import VocabularyRow

_ESCAPES = (
    ("\\", "\\\\"), ("\n", "\\n"), ("\t", "\\t"), ("\r", "\\r"), ("\x1d", "\\N"), ("\x1e", "\n"), ("\x1f", "\t"),
)  # fmt: skip
_REPORT = "id, ecg_id, source, reader, version, current, final, text_id, authored_at, blinded, validated, created_at"
# later lines came later: a batch takes more than a microsecond a line
_IN_ORDER = "now() + r.place * interval '1 microsecond'"
_FACTS = ", ".join(Facts._fields)
_DEFAULTS = {"sex": "coalesce(sex, 'unknown')", "simulated": "coalesce(simulated, false)"}
_TYPES = {
    "recorded_at": "timestamptz",
    "age": "float8",
    "simulated": "boolean",
    **dict.fromkeys(("patient_hash", "order_hash"), "bytea"),
    **dict.fromkeys(MEASURED, "real"),
}  # of the others: text
_FACTS_TYPED = ", ".join(f"{name} {_TYPES.get(name, 'text')}" for name in Facts._fields)
_HASHES = [place for place, name in enumerate(Facts._fields) if _TYPES.get(name) == "bytea"]
_FACTS_STORED = ", ".join(_DEFAULTS.get(name, name) for name in Facts._fields)


class Stored(NamedTuple):
    """What a batch has changed."""

    ecgs: int  # new ones
    reports: int  # new versions
    known: int  # readings that were there already
    conflicts: dict[str, int]  # by field: ECGs of which something else was stored, and kept


def store_texts(session: Session, said: Sequence[Said]) -> list[int]:
    """Store the texts and codes that are new; return the id of each."""
    session.execute(
        text(
            "CREATE TEMPORARY TABLE arriving_texts (place integer, sha256 bytea, text text, codes jsonb) ON COMMIT DROP"
        )
    )
    rows = ((place, _digest(words, codes), words, codes) for place, (words, codes) in enumerate(said))
    _copy(session, "arriving_texts", rows)
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
    new, conflicts = _store_ecgs(session, len(batch.ecgs))
    known = 0
    for turn in range(1, 1 + max(report.turn for report in batch.reports)):
        if turn > 1 or new < len(batch.ecgs):
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
    return Stored(new, len(batch.reports) - known, known, conflicts)


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
    session.execute(
        text(
            f"CREATE TEMPORARY TABLE arriving_ecgs (place integer, id uuid, record text, {_FACTS_TYPED}, "
            "known boolean DEFAULT false, touched boolean DEFAULT true) ON COMMIT DROP"
        )
    )
    session.execute(
        text(
            "CREATE TEMPORARY TABLE arriving_reports (place integer, id uuid, ecg integer, text_id bigint, "
            "source text, reader text, authored_at timestamptz, final boolean, blinded text, validated text, "
            "turn integer) ON COMMIT DROP"
        )
    )
    ecgs = zip(_ids(len(batch.ecgs)), batch.ecgs.items(), strict=True)
    _copy(
        session,
        f"arriving_ecgs (place, id, record, {_FACTS})",
        ((place, ecg_id, record, *_copied(facts)) for place, (ecg_id, (record, facts)) in enumerate(ecgs)),
    )
    _copy(
        session,
        "arriving_reports",
        (
            (place, report_id, report.ecg, text_ids[report.said], *report[2:])
            for place, (report_id, report) in enumerate(zip(_ids(len(batch.reports)), batch.reports, strict=True))
        ),
    )
    session.execute(text("ANALYZE arriving_ecgs (place, id), arriving_reports (ecg)"))


def _copied(facts: Facts) -> Sequence[Any]:
    """Return facts as COPY takes them."""
    values = list(facts)
    for place in _HASHES:
        if values[place] is not None:
            values[place] = f"\\x{values[place]}"
    return values


def _store_ecgs(session: Session, count: int) -> tuple[int, dict[str, int]]:
    """Insert the new ECGs, lock and fill in the others; return how many are new, and the conflicts by field."""
    inserted = session.execute(
        text(
            f"""
            INSERT INTO ecgs (id, record, {_FACTS})
            SELECT id, record, {_FACTS_STORED}
            FROM arriving_ecgs ORDER BY record COLLATE "C" ON CONFLICT (record) DO NOTHING
            """  # noqa: S608
        )
    )
    new: int = inserted.rowcount  # type: ignore[attr-defined]
    if new == count:
        return new, {}
    session.execute(
        text(
            "SELECT FROM ecgs JOIN arriving_ecgs a USING (record) WHERE ecgs.id <> a.id "
            'ORDER BY record COLLATE "C" FOR NO KEY UPDATE OF ecgs'
        )
    )
    session.execute(
        text(
            "UPDATE arriving_ecgs a SET id = e.id, known = true, touched = false FROM ecgs e "
            "WHERE e.record = a.record AND e.id <> a.id"
        )
    )
    fields = [name for name in Facts._fields if name not in _DEFAULTS]
    differs = [(name, f"e.{name} <> a.{name}") for name in fields]
    differs.append(("sex", "e.sex <> a.sex AND 'unknown' NOT IN (e.sex, a.sex)"))
    row = session.execute(
        text(
            f"SELECT {', '.join(f'count(*) FILTER (WHERE {differ})' for _, differ in differs)} "  # noqa: S608
            "FROM arriving_ecgs a JOIN ecgs e ON e.id = a.id WHERE a.known"
        )
    ).one()
    fill = ", ".join(f"{name} = coalesce(e.{name}, a.{name})" for name in fields)
    lacks = " OR ".join(f"(e.{name} IS NULL AND a.{name} IS NOT NULL)" for name in fields)
    session.execute(
        text(
            f"""
            WITH filled AS (
                UPDATE ecgs e SET {fill}, simulated = e.simulated OR coalesce(a.simulated, false),
                    sex = CASE WHEN e.sex = 'unknown' THEN coalesce(a.sex, e.sex) ELSE e.sex END
                FROM arriving_ecgs a WHERE e.id = a.id AND a.known
                AND ({lacks} OR (a.simulated AND NOT e.simulated) OR (e.sex = 'unknown' AND a.sex <> 'unknown'))
                RETURNING e.id
            )
            UPDATE arriving_ecgs a SET touched = true FROM filled WHERE filled.id = a.id
            """  # noqa: S608
        )
    )
    return new, {name: found for (name, _), found in zip(differs, row, strict=True) if found}


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


def _ids(count: int) -> list[str]:
    """Return ascending random ids with a common beginning: a batch's rows stay close together in large indexes."""
    start = secrets.token_hex(2)
    rest = os.urandom(14 * count).hex()
    return sorted(start + rest[28 * i : 28 * (i + 1)] for i in range(count))


def _digest(words: str | None, codes: str | None) -> str | None:
    """Return the digest of words alone; that of codes, or of both, the database makes of its own form of the codes."""
    return None if words is None or codes is not None else f"\\x{hashlib.sha256(b't' + words.encode()).hexdigest()}"


def _copy(session: Session, target: str, rows: Iterable[Sequence[Any]]) -> None:
    connection = session.connection().connection.driver_connection
    assert connection is not None
    # whole batches are escaped at once: no text or name that is let in holds these control characters
    cells = "\x1e".join(["\x1f".join(["\x1d" if value is None else str(value) for value in row]) for row in rows])
    for character, written in _ESCAPES:
        cells = cells.replace(character, written)
    with connection.cursor() as cursor, cursor.copy(f"COPY {target} FROM STDIN") as copy:
        copy.write(cells)
