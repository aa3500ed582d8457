"""SQL of exports. All of an export is read in one snapshot of the database."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.disagreement.counting.queries import conditions, value_ids
from app.disagreement.counting.selection import PairFilter, names
from app.disagreement.pairs.queries import allow_memory
from app.disagreement.tables import Cell
from app.ecgs.tables import Ecg
from app.exports.columns import Column, Table
from app.reports.queries import counts_first
from app.sites.tables import Site
from app.vocabularies.service import ReadingRules

_COUNTING = """
    LEFT JOIN (
        SELECT DISTINCT ON (ecg_id) ecg_id, id, text_id, authored_at, created_at, reader, final, blinded, validated
        FROM reports r WHERE r.current AND r.source = '{source}' AND r.ecg_id IN (SELECT ecg_id FROM numbered)
        ORDER BY ecg_id, {first}
    ) {source} ON {source}.ecg_id = p.ecg_id
"""


_BY_INDEX = "SELECT set_config(name, 'off', true) FROM (VALUES ('enable_seqscan'), ('enable_hashjoin')) switches (name)"
"""A part of the pairs is a thousandth of them: the planner would read all texts for it."""


class Chosen(NamedTuple):
    """How many pairs are exported, and when the newest of their reports was stored."""

    pairs: int
    newest_report: datetime | None


class Zone(NamedTuple):
    """A site and its time zone."""

    site: str
    time_zone: str


def hold_snapshot(session: Session) -> datetime:
    """Let the session see the database as it is now until its transaction ends; return the time."""
    session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    now: datetime = session.scalars(select(func.transaction_timestamp())).one()
    return now


def choose(session: Session, rules: ReadingRules, chosen: PairFilter) -> Chosen:
    """Number the chosen pairs from 1 in the order of their ECGs, in the temporary table `chosen`.

    It has each pair's cell, and the two reports that count. The temporary table `under` has the vocabulary's id.
    """
    where, parameters = conditions(chosen, value_ids(session, names(chosen)))
    allow_memory(session, "64MB")
    session.execute(
        text(
            f"""
            CREATE TEMPORARY TABLE numbered ON COMMIT DROP AS
            SELECT row_number() OVER (ORDER BY ecg_id)::integer AS n, ecg_id, cell_id, hour, weekday
            FROM pairs_{rules.slot:d} WHERE {" AND ".join(where) or "true"}
            """  # noqa: S608
        ),
        parameters,
    )
    session.execute(text("ANALYZE numbered"))
    counting = "".join(_COUNTING.format(source=each, first=counts_first("r")) for each in ("machine", "overread"))
    session.execute(
        text(
            f"""
            CREATE TEMPORARY TABLE chosen ON COMMIT DROP AS
            SELECT p.*, machine.id AS machine_report, overread.id AS overread_report,
                   machine.text_id AS machine_text, machine.reader AS machine_reader,
                   machine.authored_at AS machine_authored_at,
                   overread.text_id AS overread_text, overread.authored_at, overread.reader, overread.final,
                   overread.blinded, overread.validated,
                   greatest(machine.created_at, overread.created_at) AS stored_at
            FROM numbered p {counting} ORDER BY p.n
            """  # noqa: S608
        )
    )
    session.execute(text("CREATE UNIQUE INDEX ON chosen (n)"))
    session.execute(text("ANALYZE chosen"))
    session.execute(
        text("CREATE TEMPORARY TABLE under ON COMMIT DROP AS SELECT CAST(:id AS uuid) AS id"), {"id": rules.id}
    )
    counted = Chosen(*session.execute(text("SELECT count(*), max(stored_at) FROM chosen")).one())
    session.execute(text(_BY_INDEX))
    return counted


def read_csv(session: Session, table: Table, columns: Sequence[Column], *, after: int, until: int) -> bytes:
    """Return the rows of a table as CSV without a header: those of the chosen pairs `after` < n <= `until`.

    Times are microseconds since 1970. A NULL is an empty cell, and an empty text is `""`.
    """
    said = [_selected(column) for column in columns if column.sql]
    if table.by_label:
        said.append("c.cell_id")
    query = (
        f"COPY (SELECT {', '.join(said)} FROM {table.rows} WHERE c.n > {after:d} AND c.n <= {until:d} "  # noqa: S608
        f"ORDER BY {table.order}) TO STDOUT (FORMAT csv)"
    )
    with session.connection().connection.cursor() as cursor, cursor.copy(query) as copy:  # type: ignore[attr-defined]
        return b"".join(copy)


def _selected(column: Column) -> str:
    if column.kind == "time":
        return f"(extract(epoch FROM {column.sql}) * 1000000)::bigint"
    return column.sql


def cells(session: Session) -> list[tuple[int, ...]]:
    """Return every cell: its id, four masks, and why it is left out, in the order of ids."""
    columns = (
        *(Cell.id, Cell.machine_present, Cell.machine_uncertain),
        *(Cell.overread_present, Cell.overread_uncertain, Cell.left_out),
    )
    return [tuple(row) for row in session.execute(select(*columns).order_by(Cell.id))]


def time_zones(session: Session) -> list[Zone]:
    """Return the time zones of sites that have one, by name."""
    return [Zone(*row) for row in session.execute(select(Site.name, Site.time_zone).order_by(Site.name))]


def with_waveform(session: Session, after: int, until: int) -> Sequence[Ecg]:
    """Return the ECGs with a waveform of the chosen pairs `after` < n <= `until`, in their order."""
    ids = "SELECT ecg_id FROM chosen WHERE n > :after AND n <= :until"
    chosen = text(ids).bindparams(after=after, until=until)
    statement = select(Ecg).where(Ecg.waveform_sha256.is_not(None), Ecg.id.in_(chosen)).order_by(Ecg.id)
    return session.scalars(statement).all()
