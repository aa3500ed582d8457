"""SQL of reports, texts and labelings."""

import json
import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Row,
    Select,
    Uuid,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from app.ecgs.tables import Ecg
from app.kit.database import Json
from app.reports.tables import Labeling, Report, StoredText
from app.rules.name import RULES
from app.vocabularies.tables import VocabularyRow
from ml.labeling import Stance

_DICTIONARIES = 0x64696374


def by_rules(r: str = "reports") -> str:
    """Return the SQL of whether a report is a reading by our rules."""
    return f"({r}.source = 'machine' AND starts_with({r}.reader, '{RULES}'))"


def counts_first(r: str = "reports") -> str:
    """Return the SQL that orders an ECG's current reports of a source: the first is the one that counts.

    It is the adjudicated one, else the one with the latest `authored_at`, or `created_at` where that is not given. A
    machine's reading by our rules counts only where there is no other one.
    """
    newest = f"coalesce({r}.authored_at, {r}.created_at) DESC, {r}.created_at DESC, {r}.version DESC"
    return f"{by_rules(r)}, {r}.final DESC, {newest}"


def counting(chosen: str) -> str:
    """Return the SQL of the reports that count in the pairs of the chosen ECGs: one of each source."""
    return (
        "SELECT DISTINCT ON (ecg_id, source) ecg_id, source, id, text_id, reader, created_at, blinded, validated "  # noqa: S608
        f"FROM reports WHERE current AND {chosen} ORDER BY ecg_id, source, {counts_first()}"
    )


def agreed_text(overread: str) -> str:
    """Return the SQL of the text that an over-read agrees with, if it agrees; `overread` has `ecg_id` and `created_at`.

    Meant is the machine's report that was current when the over-read was written, else the first that came after it.
    """
    return f"""(
        SELECT m.text_id FROM reports m WHERE m.ecg_id = {overread}.ecg_id AND m.source = 'machine' AND NOT EXISTS (
            SELECT FROM reports n WHERE n.ecg_id = m.ecg_id AND n.source = m.source AND n.reader = m.reader
            AND n.version > m.version AND n.created_at <= {overread}.created_at
        )
        ORDER BY m.created_at > {overread}.created_at,
            CASE WHEN m.created_at > {overread}.created_at THEN m.created_at END, {counts_first("m")}
        LIMIT 1
    )"""  # noqa: S608


def agreed(overread: str, labeling: str, vocabulary: str = ":vocabulary") -> str:
    """Return the SQL of the machine's labeling that an over-read agrees with; it has no row where it does not agree.

    `overread` and `labeling` are the rows of the over-read and of its labeling under `vocabulary`.
    """
    return (
        f"(SELECT present, uncertain, stance FROM labelings WHERE {labeling}.stance = 'agrees' "  # noqa: S608
        f"AND vocabulary_id = {vocabulary} AND text_id = {agreed_text(overread)} LIMIT 1)"
    )


def overread_mask(mask: str, labeling: str, agreed: str) -> str:
    """Return the SQL of an over-read's mask: its own bits, and where it agrees the machine's of all other labels."""
    named = " | ".join(f"{labeling}.{name}" for name in ("present", "uncertain", "negated", "historical"))
    return f"{labeling}.{mask} | coalesce({agreed}.{mask} & ~({named}), 0)"


def is_read(labeling: str, agreed: str) -> str:
    """Return the SQL of whether an over-read can be compared: it is read, and so is what it agrees with."""
    return f"({labeling}.stance = 'read' OR ({labeling}.stance = 'agrees' AND {agreed}.stance <> 'unread'))"


def commit_soon(session: Session) -> None:
    """Commit this transaction without waiting for the disk. A later commit that waits makes it durable too."""
    session.execute(text("SET LOCAL synchronous_commit = off"))


def lock_ecg(session: Session, ecg_id: uuid.UUID) -> bool:
    """Lock the ECG's row, so that one writer at a time changes its reports and pairs; return False for an unknown ECG.

    Other rows can still refer to its key: an activation makes the pairs of many ECGs in one transaction.
    """
    return session.scalar(select(Ecg.id).where(Ecg.id == ecg_id).with_for_update(key_share=True)) is not None


class Version(NamedTuple):
    """A version of one reader's reading."""

    id: uuid.UUID
    source: str
    reader: str
    version: int
    current: bool
    final: bool
    blinded: str
    validated: str
    text_id: int
    authored_at: datetime | None


def versions(session: Session, ecg_id: uuid.UUID) -> list[Version]:
    """Return every version of every reading of an ECG, oldest first."""
    columns = [getattr(Report, name) for name in Version._fields]
    return [
        Version(*row)
        for row in session.execute(select(*columns).where(Report.ecg_id == ecg_id).order_by(Report.version))
    ]


def retire(session: Session, ids: Collection[uuid.UUID]) -> None:
    """Make versions no longer the current ones."""
    session.execute(update(Report).where(Report.id.in_(ids)).values(current=False))


def fill_in(session: Session, report_id: uuid.UUID, known: Mapping[str, str]) -> None:
    """Say of a stored version what was unknown of it."""
    session.execute(update(Report).where(Report.id == report_id).values(**known))


def add_reports(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Store new versions."""
    session.execute(insert(Report), rows)


Said = tuple[str | None, list[Json] | None]  # words, codes: not both are None


def said_as(words: str, codes: str) -> str:
    """Return the SQL of the one string that stands for what a report says, of which a stored text has the SHA-256."""
    return f"coalesce('b' || {codes}::text || E'\\n' || {words}, 't' || {words}, 'c' || {codes}::text)"


_SAID = f"""
    SELECT place, words, codes, sha256(convert_to({said_as("words", "codes")}, 'UTF8')) AS sha256
    FROM unnest(CAST(:words AS text[]), CAST(CAST(:codes AS text[]) AS jsonb[])) WITH ORDINALITY
        said (words, codes, place)
"""  # noqa: S608


def text_ids(session: Session, said: Sequence[Said]) -> list[int]:
    """Return the ids of stored texts; the new ones are added in an order in which no two writers wait in a circle."""
    given = {
        "words": [words for words, _ in said],
        "codes": [None if codes is None else json.dumps(codes) for _, codes in said],
    }
    known = text(
        f"SELECT said.sha256, texts.id FROM ({_SAID}) said LEFT JOIN texts USING (sha256) ORDER BY place"  # noqa: S608
    )
    found = [(digest, text_id) for digest, text_id in session.execute(known, given)]
    if any(text_id is None for _, text_id in found):
        added = session.execute(
            text(
                f"""
                INSERT INTO texts (sha256, text, codes)
                SELECT sha256, words, codes FROM (SELECT DISTINCT ON (sha256) * FROM ({_SAID}) said) new
                WHERE NOT EXISTS (SELECT FROM texts WHERE texts.sha256 = new.sha256)
                ORDER BY words COLLATE "C", sha256 ON CONFLICT DO NOTHING RETURNING sha256, id
                """  # noqa: S608
            ),
            given,
        )
        new: dict[bytes, int] = dict(added.all())
        found = [(digest, text_id or new.get(digest)) for digest, text_id in found]
        if any(text_id is None for _, text_id in found):  # another writer has just added it
            found = [(digest, text_id) for digest, text_id in session.execute(known, given)]
    return [text_id for _, text_id in found]


def hold_dictionaries(session: Session) -> None:
    """Lock the dictionaries (statements, cells): one transaction at a time adds to them. They are soon complete.

    Without the lock two writers that add the same rows in different orders would deadlock. There are too many texts
    for such a lock: they are added in sorted order instead (`text_ids`).
    """
    session.execute(select(func.pg_advisory_xact_lock(_DICTIONARIES)))


def unread(
    session: Session, vocabulary_ids: Sequence[uuid.UUID], text_ids: Sequence[int]
) -> list[tuple[uuid.UUID, int]]:
    """Return which of these vocabularies have not read which of these texts, texts in order."""
    rows = session.execute(
        text(
            "SELECT v, t FROM unnest(CAST(:vocabularies AS uuid[])) v, unnest(CAST(:texts AS bigint[])) t "
            "WHERE NOT EXISTS (SELECT FROM labelings WHERE vocabulary_id = v AND text_id = t) ORDER BY t, v"
        ),
        {"vocabularies": list(vocabulary_ids), "texts": sorted(set(text_ids))},
    )
    return [(vocabulary_id, text_id) for vocabulary_id, text_id in rows]


def statement_ids(session: Session, normals: Collection[str]) -> dict[str, int]:
    """Return the ids of statements by normal form; add the new ones."""
    if not normals:
        return {}
    known = text("SELECT normal, id FROM statements WHERE normal = ANY(:normals)")
    wanted = {"normals": list(set(normals))}
    found: dict[str, int] = dict(session.execute(known, wanted).all())
    if missing := sorted(set(normals) - set(found)):
        hold_dictionaries(session)
        added = session.execute(
            text(
                "INSERT INTO statements (normal) SELECT unnest(CAST(:missing AS text[])) ON CONFLICT DO NOTHING "
                "RETURNING normal, id"
            ),
            {"missing": missing},
        )
        found |= dict(added.all())
        if len(found) < len(wanted["normals"]):  # another writer has just added it
            found = dict(session.execute(known, wanted).all())
    return found


def statements_gone(session: Session, ids: Mapping[str, int]) -> set[str]:
    """Return the forms whose statements are no longer there under these ids: their texts were erased."""
    if not ids:
        return set()
    there = session.scalars(text("SELECT id FROM statements WHERE id = ANY(:ids)"), {"ids": list(ids.values())})
    known = set(there)
    return {normal for normal, number in ids.items() if number not in known}


def add_labelings(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Store labelings; those that exist stay as they are."""
    if rows:
        session.execute(insert(Labeling).on_conflict_do_nothing(), rows)


def add_labelings_read(session: Session, vocabulary_id: uuid.UUID, rows: str, statements: Sequence[int]) -> None:
    """Store the answer of a labeling process (the JSON of `ml.labeling.batch`); the database parses it.

    `statements` are the ids of its unmapped forms, in their order. A text that was erased meanwhile is left out.
    """
    session.execute(
        text(
            """
            INSERT INTO labelings
                (vocabulary_id, text_id, present, uncertain, negated, historical, findings, unmapped, stance)
            SELECT :vocabulary, (r ->> 0)::bigint, (r ->> 1)::bigint, (r ->> 2)::bigint, (r ->> 3)::bigint,
                (r ->> 4)::bigint, r -> 5, (
                    SELECT coalesce(array_agg(id ORDER BY id), '{}')
                    FROM jsonb_array_elements(r -> 6) place, LATERAL (
                        SELECT (CAST(:statements AS bigint[]))[place::integer]
                    ) statement (id)
                ), r ->> 7
            FROM jsonb_array_elements(CAST(:rows AS jsonb)) r
            WHERE EXISTS (SELECT FROM texts WHERE id = (r ->> 0)::bigint)
            ON CONFLICT DO NOTHING
            """
        ),
        {"vocabulary": vocabulary_id, "rows": rows, "statements": list(statements)},
    )


class Labelled(NamedTuple):
    """What a vocabulary reads in a text: masks, findings as JSON, stance."""

    present: int
    uncertain: int
    negated: int
    historical: int
    findings: list[Json]
    stance: Stance


def labelings_of(session: Session, vocabulary_id: uuid.UUID, text_ids: Collection[int]) -> dict[int, Labelled]:
    """Return the labelings of texts under a vocabulary, by the texts' ids."""
    columns = [getattr(Labeling, name) for name in Labelled._fields]
    rows = session.execute(
        select(Labeling.text_id, *columns).where(
            Labeling.vocabulary_id == vocabulary_id, Labeling.text_id.in_(text_ids)
        )
    )
    return {text_id: Labelled(*said) for text_id, *said in rows}


def unlabelled(
    session: Session, vocabulary_id: uuid.UUID, after: int, limit: int
) -> Sequence[Row[int, str | None, list[Json] | None]]:
    """List the texts without a labeling (id, words, codes) whose ids follow `after`, in the order of ids."""
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
    """Return stored texts by id."""
    return {row.id: row for row in session.scalars(select(StoredText).where(StoredText.id.in_(ids)))}


def characters(session: Session, ids: Collection[int]) -> int:
    """Return how long stored texts are together."""
    length = func.coalesce(func.sum(func.length(StoredText.text)), 0)
    return int(session.scalars(select(length).where(StoredText.id.in_(ids))).one())


def count_texts(session: Session) -> int:
    """Count the distinct texts."""
    return session.scalars(select(func.count()).select_from(StoredText)).one()


class ReportRow(NamedTuple):
    """A report with its words or codes, and what a vocabulary found there.

    `counts`: of the current reports of its ECG and source it is the one that the pair is made of.
    """

    ecg_id: uuid.UUID
    id: uuid.UUID
    source: str
    reader: str
    version: int
    current: bool
    final: bool
    blinded: str
    validated: str
    text: str | None
    codes: list[Json] | None
    authored_at: datetime | None
    created_at: datetime
    findings: list[Json]
    stance: str
    counts: bool


_COUNTS: ColumnElement[bool] = literal_column(
    f"(row_number() OVER (PARTITION BY reports.ecg_id, source ORDER BY current DESC, {counts_first()})) = 1 AND current"
)


def with_findings(session: Session, ecg_ids: Sequence[uuid.UUID], only_current: bool = False) -> list[ReportRow]:
    """List the reports of these ECGs with what the active vocabulary found, oldest first."""
    rows = session.execute(_with_findings(only_current), {"ecg_ids": list(ecg_ids)})
    return [ReportRow(*row) for row in rows]


@cache
def _with_findings(only_current: bool) -> Select[Any]:
    """Return the statement of `with_findings`. To build it takes longer than to execute it, so it is built once.

    `OFFSET 0` and `LIMIT 1` make a lookup for each ECG and report. Where PostgreSQL knows nothing of the tables yet it
    would join all reports with all labelings.
    """
    asked = func.unnest(cast(bindparam("ecg_ids"), ARRAY(Uuid))).table_valued("id").render_derived("asked")
    of_ecg = select(Report).where(Report.ecg_id == asked.c.id, *([Report.current] if only_current else [])).offset(0)
    report = aliased(Report, of_ecg.lateral("reports"))
    active = select(VocabularyRow.id).where(VocabularyRow.state == "active").scalar_subquery()
    of_text = (Labeling.text_id == report.text_id, Labeling.vocabulary_id == active)
    read = select(Labeling.findings, Labeling.stance).where(*of_text).limit(1).lateral("read")
    said = select(StoredText.text, StoredText.codes).where(StoredText.id == report.text_id).limit(1).lateral("said")
    looked_up = {**said.c, **read.c, "counts": _COUNTS}
    columns = [looked_up[name] if name in looked_up else getattr(report, name) for name in ReportRow._fields]
    return (
        select(*columns)
        .select_from(asked)
        .join(report, true())
        .join(said, true())
        .join(read, true())
        .order_by(report.created_at, report.source, report.version)
    )


class UnmappedChoice(NamedTuple):
    """Which reports' statements: of a source, and of reports that are (or are not) unread; None: of all."""

    source: str | None = None
    unread: bool | None = None


def saying(
    session: Session, vocabulary_id: uuid.UUID, statement: str, *, limit: int, simulated: bool
) -> Sequence[Row[uuid.UUID, uuid.UUID, str, str | None, datetime | None]]:
    """List the current reports in which a vocabulary found nothing in a statement, newest first, with their ECGs.

    The statement is looked up by its normal form, and the texts that hold it by reading the labelings once.
    """
    return session.execute(
        text(
            """
            WITH holding AS MATERIALIZED (
                SELECT text_id FROM labelings WHERE vocabulary_id = :vocabulary
                AND unmapped @> ARRAY(SELECT id FROM statements WHERE normal = :statement)
                AND EXISTS (SELECT FROM statements WHERE normal = :statement)
            )
            SELECT ecgs.id AS ecg_id, reports.id AS report_id, source, texts.text, ecgs.recorded_at
            FROM holding JOIN reports USING (text_id) JOIN ecgs ON ecgs.id = ecg_id JOIN texts ON texts.id = text_id
            WHERE current AND simulated = :simulated
            ORDER BY reports.created_at DESC, reports.id LIMIT :limit
            """
        ),
        {"vocabulary": vocabulary_id, "statement": statement, "limit": limit, "simulated": simulated},
    ).all()


def unmapped(
    session: Session, vocabulary_id: uuid.UUID, chosen: UnmappedChoice, *, limit: int, simulated: bool
) -> Sequence[Row[str, int, int, bool, int]]:
    """Count the statements a vocabulary found nothing in, in current reports, most frequent first.

    A row has the normal form, the counts in machine reports and over-reads, whether all of these are unread, and the id
    of a text. Reports are counted by text first: the cost is that of the distinct texts, and of one pass over the
    reports and ECGs.
    """
    only = "AND source = :source" if chosen.source is not None else ""
    which = "AND (stance = 'unread') = :unread" if chosen.unread is not None else ""
    given = {"vocabulary": vocabulary_id, "limit": limit, "simulated": simulated, **chosen._asdict()}
    return session.execute(
        text(
            f"""
            WITH said AS (
                SELECT text_id, count(*) FILTER (WHERE source = 'machine') AS machine,
                       count(*) FILTER (WHERE source = 'overread') AS overread
                FROM reports JOIN ecgs ON ecgs.id = ecg_id
                WHERE current AND simulated = :simulated {only} GROUP BY text_id
            ), counted AS (
                SELECT statement_id, sum(machine)::bigint AS machine, sum(overread)::bigint AS overread,
                       bool_and(stance = 'unread') AS unread, min(said.text_id) AS text_id
                FROM said JOIN labelings ON labelings.text_id = said.text_id, unnest(unmapped) AS statement_id
                WHERE vocabulary_id = :vocabulary {which} GROUP BY statement_id
            )
            SELECT normal, machine, overread, unread, text_id
            FROM counted JOIN statements ON statements.id = statement_id
            ORDER BY machine + overread DESC, normal LIMIT :limit
            """  # noqa: S608
        ),
        {name: value for name, value in given.items() if value is not None},
    ).all()


def a_report_of(session: Session, text_id: int, *, simulated: bool) -> tuple[uuid.UUID, uuid.UUID, StoredText] | None:
    """Find a current report of a real or simulated ECG that says a text: its id, its ECG's, and the text.

    Return None when it was the last of them.
    """
    found = session.execute(
        select(Report.id, Report.ecg_id, StoredText)
        .join(StoredText, StoredText.id == Report.text_id)
        .join(Ecg, Ecg.id == Report.ecg_id)
        .where(Report.text_id == text_id, Report.current, Ecg.simulated == simulated)
        .order_by(Report.created_at, Report.id)
        .limit(1)
    ).one_or_none()
    if found is None:
        return None
    report_id, ecg_id, said = found
    return report_id, ecg_id, said
