"""SQL of reports, texts and labelings."""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, cast, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Session

from app.ecgs.tables import Ecg
from app.kit.database import Json
from app.reports.tables import Labeling, Report, StoredText
from app.vocabularies.tables import VocabularyRow

_DICTIONARIES = 0x64696374


def counts_first(r: str = "reports") -> str:
    """SQL that orders an ECG's current readings of a source: the first is the one that counts.

    The adjudicated one, else the one written last where that is said, else the one that came last.
    """
    return f"{r}.final DESC, coalesce({r}.authored_at, {r}.created_at) DESC, {r}.created_at DESC, {r}.version DESC"


def commit_soon(session: Session) -> None:
    """Let this transaction's commit not wait for the disk. A later one that does wait makes it durable too."""
    session.execute(text("SET LOCAL synchronous_commit = off"))


def lock_ecg(session: Session, ecg_id: uuid.UUID) -> bool:
    """Hold the ECG's row, so that versions and the pair change one writer at a time; False when there is none.

    Its key stays free to refer to: an activation makes the pairs of many ECGs in one transaction.
    """
    return session.scalar(select(Ecg.id).where(Ecg.id == ecg_id).with_for_update(key_share=True)) is not None


def current(session: Session, ecg_id: uuid.UUID, source: str, reader: str) -> Report | None:
    """Find the current version of one reader's reading."""
    return session.scalar(
        select(Report).where(Report.ecg_id == ecg_id, Report.source == source, Report.reader == reader, Report.current)
    )


def said_at(
    session: Session, ecg_id: uuid.UUID, source: str, reader: str, text_id: int, final: bool, authored_at: datetime
) -> Report | None:
    """Find the version in which a reader has said this, at this time."""
    return session.scalar(
        select(Report)
        .where(
            Report.ecg_id == ecg_id,
            Report.source == source,
            Report.reader == reader,
            Report.text_id == text_id,
            Report.final == final,
            Report.authored_at == authored_at,
        )
        .order_by(Report.version.desc())
        .limit(1)
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


def text_of(session: Session, words: str | None, codes: list[Json] | None) -> int:
    """Find the stored text of these words or codes, adding it when it is new."""
    kept = (
        literal("t" + words)
        if words is not None
        else literal("c").concat(cast(cast(codes, JSONB), StoredText.text.type))
    )
    digest = func.sha256(func.convert_to(kept, "UTF8"))
    found = session.scalar(select(StoredText.id).where(StoredText.sha256 == digest))
    if found is None:
        session.execute(
            insert(StoredText)
            .values(sha256=digest, text=words, codes=codes)
            .on_conflict_do_nothing(index_elements=["sha256"])
        )
        found = session.scalars(select(StoredText.id).where(StoredText.sha256 == digest)).one()
    return found


def hold_dictionaries(session: Session) -> None:
    """Let one transaction at a time add to the dictionaries (statements, cells), which are soon complete.

    Without it two writers that add the same rows in another order would wait for each other. Texts are too many for
    this: whoever stores several adds them all, sorted, before anything else.
    """
    session.execute(select(func.pg_advisory_xact_lock(_DICTIONARIES)))


def is_labelled(session: Session, text_id: int, vocabulary_id: uuid.UUID) -> bool:
    """Whether a vocabulary has read a text."""
    return session.get(Labeling, (vocabulary_id, text_id)) is not None


def statement_ids(session: Session, normals: Collection[str]) -> dict[str, int]:
    """Give the ids of statements by normal form, adding the new ones."""
    if not normals:
        return {}
    known = text("SELECT normal, id FROM statements WHERE normal = ANY(:normals)")
    wanted = {"normals": list(normals)}
    found: dict[str, int] = dict(session.execute(known, wanted).all())
    if missing := sorted(set(normals) - set(found)):
        hold_dictionaries(session)
        session.execute(
            text("INSERT INTO statements (normal) SELECT unnest(CAST(:missing AS text[])) ON CONFLICT DO NOTHING"),
            {"missing": missing},
        )
        found = dict(session.execute(known, wanted).all())
    return found


def add_labelings(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Store what a vocabulary read in texts; what it has read before stays."""
    if rows:
        session.execute(insert(Labeling).on_conflict_do_nothing(), rows)


def add_labelings_read(session: Session, vocabulary_id: uuid.UUID, rows: str, statements: Sequence[int]) -> None:
    """Store what a reading process answered (the JSON of `ml.labeling.batch`); the database takes it apart.

    `statements` are the ids of its unmapped forms, in their order.
    """
    session.execute(
        text(
            """
            INSERT INTO labelings
                (vocabulary_id, text_id, present, uncertain, negated, historical, findings, unmapped)
            SELECT :vocabulary, (r ->> 0)::bigint, (r ->> 1)::bigint, (r ->> 2)::bigint, (r ->> 3)::bigint,
                (r ->> 4)::bigint, r -> 5, (
                    SELECT coalesce(array_agg(id ORDER BY id), '{}')
                    FROM jsonb_array_elements(r -> 6) place, LATERAL (
                        SELECT (CAST(:statements AS bigint[]))[place::integer]
                    ) statement (id)
                )
            FROM jsonb_array_elements(CAST(:rows AS jsonb)) r
            ON CONFLICT DO NOTHING
            """
        ),
        {"vocabulary": vocabulary_id, "rows": rows, "statements": list(statements)},
    )


def unlabelled(
    session: Session, vocabulary_id: uuid.UUID, after: int, limit: int
) -> Sequence[Row[int, str | None, list[Json] | None]]:
    """List texts a vocabulary has not read (id, words, codes), from the one after `after` on, in the order of ids."""
    read = select(Labeling.text_id).where(
        Labeling.vocabulary_id == vocabulary_id,
        Labeling.text_id == StoredText.id,
        Labeling.text_id > after,  # or a merge join goes through all that has been read, for every batch
    )
    texts = select(StoredText.id, StoredText.text, StoredText.codes)
    return session.execute(
        texts.where(StoredText.id > after, ~read.exists()).order_by(StoredText.id).limit(limit)
    ).all()


def texts(session: Session, ids: Collection[int]) -> dict[int, StoredText]:
    """Give stored texts by id."""
    return {row.id: row for row in session.scalars(select(StoredText).where(StoredText.id.in_(ids)))}


def count_texts(session: Session) -> int:
    """Count the distinct texts."""
    return session.scalars(select(func.count()).select_from(StoredText)).one()


class ReportRow(NamedTuple):
    """A report with its words or codes, and what a vocabulary found there."""

    ecg_id: uuid.UUID
    id: uuid.UUID
    source: str
    reader: str
    version: int
    current: bool
    final: bool
    text: str | None
    codes: list[Json] | None
    authored_at: datetime | None
    created_at: datetime
    findings: list[Json]


_READING = [
    getattr(StoredText if name in ("text", "codes") else Labeling if name == "findings" else Report, name)
    for name in ReportRow._fields
]


def with_findings(session: Session, ecg_ids: Sequence[uuid.UUID], only_current: bool = False) -> list[ReportRow]:
    """List the reports of these ECGs with what the active vocabulary found, oldest first."""
    statement = (
        select(*_READING)
        .select_from(Report)
        .join(StoredText, StoredText.id == Report.text_id)
        .join(Labeling, Labeling.text_id == Report.text_id)
        .join(VocabularyRow, VocabularyRow.id == Labeling.vocabulary_id)
        .where(Report.ecg_id.in_(ecg_ids), VocabularyRow.state == "active")
        .order_by(Report.created_at, Report.source, Report.version)
    )
    if only_current:
        statement = statement.where(Report.current)
    return [ReportRow(*row) for row in session.execute(statement)]


def unmapped(
    session: Session, vocabulary_id: uuid.UUID, source: str | None, limit: int
) -> Sequence[Row[str, int, int, int]]:
    """Count the statements a vocabulary found nothing in, in current reports, most frequent first.

    Gives normal form, count in machine reports, count in over-reads, and a text that holds it. Reports are counted by
    text first: the cost is that of the distinct texts, and of one pass over the reports.
    """
    only = "AND source = :source" if source is not None else ""
    return session.execute(
        text(
            f"""
            WITH said AS (
                SELECT text_id, count(*) FILTER (WHERE source = 'machine') AS machine,
                       count(*) FILTER (WHERE source = 'overread') AS overread
                FROM reports WHERE current {only} GROUP BY text_id
            ), counted AS (
                SELECT statement_id, sum(machine)::bigint AS machine, sum(overread)::bigint AS overread,
                       min(said.text_id) AS text_id
                FROM said JOIN labelings ON labelings.text_id = said.text_id, unnest(unmapped) AS statement_id
                WHERE vocabulary_id = :vocabulary GROUP BY statement_id
            )
            SELECT normal, machine, overread, text_id FROM counted JOIN statements ON statements.id = statement_id
            ORDER BY machine + overread DESC, normal LIMIT :limit
            """  # noqa: S608
        ),
        {"vocabulary": vocabulary_id, "limit": limit, **({"source": source} if source is not None else {})},
    ).all()


def a_report_of(session: Session, text_id: int) -> tuple[uuid.UUID, uuid.UUID, StoredText] | None:
    """Find a current report that says a text: its id, its ECG's, and the text; None when it was the last of them."""
    found = session.execute(
        select(Report.id, Report.ecg_id, StoredText)
        .join(StoredText, StoredText.id == Report.text_id)
        .where(Report.text_id == text_id, Report.current)
        .order_by(Report.created_at, Report.id)
        .limit(1)
    ).one_or_none()
    if found is None:
        return None
    report_id, ecg_id, said = found
    return report_id, ecg_id, said
