"""SQL of pairs and cells."""

import operator
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

import numpy as np
from sqlalchemy import ColumnElement, Integer, Row, Select, cast, delete, extract, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.disagreement.statistics import Cells, Hedged
from app.disagreement.tables import Cell, Pair
from app.ecgs.tables import Ecg
from app.kit.database import Database
from app.kit.pagination import Position, after
from app.reports.queries import hold_dictionaries
from app.reports.tables import Labeling, Report
from app.vocabularies.queries import maintained

Direction = Literal["added", "removed"]
GroupBy = Literal["site", "device", "reader", "sex", "age", "year", "month"]


@dataclass(frozen=True)
class PairFilter:
    """Which pairs count. `recorded_from` is inclusive, `recorded_to` exclusive; ages are inclusive, in years."""

    recorded_from: datetime | None = None
    recorded_to: datetime | None = None
    site: str | None = None
    device: str | None = None
    reader: str | None = None
    sex: str | None = None
    age_min: float | None = None
    age_max: float | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Give the WHERE of this choice."""
        wanted: list[tuple[Any, Callable[[Any, Any], ColumnElement[bool]], Any]] = [
            (Pair.recorded_at, operator.ge, self.recorded_from),
            (Pair.recorded_at, operator.lt, self.recorded_to),
            (Pair.site, operator.eq, self.site),
            (Pair.device, operator.eq, self.device),
            (Pair.reader, operator.eq, self.reader),
            (Pair.sex, operator.eq, self.sex),
            (Pair.age, operator.ge, self.age_min),
            (Pair.age, operator.le, self.age_max),
        ]
        return [compare(column, value) for column, compare, value in wanted if value is not None]


_GROUPS: dict[GroupBy, ColumnElement[Any]] = {
    "site": Pair.site.expression,
    "device": Pair.device.expression,
    "reader": Pair.reader.expression,
    "sex": Pair.sex.expression,
    "age": cast(func.floor(Pair.age / 10) * 10, Integer),
    "year": cast(extract("year", Pair.recorded_at), Integer),
    "month": func.to_char(Pair.recorded_at, "YYYY-MM"),
}


def _cells(rows: Sequence[Row[Any]]) -> Cells:
    table = np.array([row[-5:] for row in rows], dtype=np.int64).reshape(-1, 5)
    return Cells(*table.T)


_MASKS = (Cell.machine_present, Cell.machine_uncertain, Cell.overread_present, Cell.overread_uncertain)


def count_cells(session: Session, slot: int, chosen: PairFilter) -> Cells:
    """Count the chosen pairs of a slot by cell."""
    counts = (
        select(Pair.cell_id, func.count().label("pairs"))
        .where(Pair.slot == slot, *chosen.conditions())
        .group_by(Pair.cell_id)
        .subquery()
    )
    rows = session.execute(select(*_MASKS, counts.c.pairs).join(counts, counts.c.cell_id == Cell.id)).all()
    return _cells(rows)


def count_cells_by(session: Session, slot: int, chosen: PairFilter, group_by: GroupBy) -> dict[str | None, Cells]:
    """Count the chosen pairs by group and cell; groups in order, the unknown last."""
    group = _GROUPS[group_by].label("grp")
    counts = (
        select(group, Pair.cell_id, func.count().label("pairs"))
        .where(Pair.slot == slot, *chosen.conditions())
        .group_by(group, Pair.cell_id)
        .subquery()
    )
    rows = session.execute(
        select(counts.c.grp, *_MASKS, counts.c.pairs)
        .join(counts, counts.c.cell_id == Cell.id)
        .order_by(counts.c.grp.nulls_last())
    ).all()
    groups: dict[str | None, list[Row[Any]]] = {}
    for row in rows:
        groups.setdefault(None if row[0] in (None, "") else str(row[0]), []).append(row)
    return {name: _cells(members) for name, members in groups.items()}


def _positive(present: Any, uncertain: Any, label: int, hedged: Hedged) -> ColumnElement[bool]:
    mask = present.bitwise_or(uncertain) if hedged == "positive" else present
    return mask.bitwise_and(1 << label) != 0  # type: ignore[no-any-return]


def pairs_that_differ(
    session: Session,
    slot: int,
    chosen: PairFilter,
    label: int,
    direction: Direction,
    hedged: Hedged,
    position: Position | None,
    limit: int,
) -> Sequence[Row[Ecg, str]]:
    """Find the ECGs where the over-read added, or removed, the label; newest first, with the reader."""
    machine = _positive(Cell.machine_present, Cell.machine_uncertain, label, hedged)
    overread = _positive(Cell.overread_present, Cell.overread_uncertain, label, hedged)
    cells = select(Cell.id).where(~machine & overread if direction == "added" else machine & ~overread)
    if hedged == "ignore":
        hedges = Cell.machine_uncertain.bitwise_or(Cell.overread_uncertain)
        cells = cells.where(hedges.bitwise_and(1 << label) == 0)
    statement: Select[Ecg, str] = (
        select(Ecg, Pair.reader)
        .join(Pair, Pair.ecg_id == Ecg.id)
        .where(Pair.slot == slot, Pair.cell_id.in_(cells), *chosen.conditions())
    )
    return session.execute(after(statement, Ecg.created_at, Ecg.id, position, limit)).all()


def refresh_pair(session: Session, ecg_id: uuid.UUID) -> None:
    """Make the ECG's pairs, one a maintained vocabulary, agree with its current reports.

    The caller holds the ECG's row lock. Of several readers' current over-reads the final one counts, else
    the one written last.
    """
    for vocabulary in maintained(session):
        assert vocabulary.slot is not None
        _refresh_pair(session, ecg_id, vocabulary.id, vocabulary.slot)


def _refresh_pair(session: Session, ecg_id: uuid.UUID, vocabulary_id: uuid.UUID, slot: int) -> None:
    readings = {
        report.source: (report, labeling)
        for report, labeling in session.execute(
            select(Report, Labeling)
            .join(Labeling, Labeling.text_id == Report.text_id)
            .where(Report.ecg_id == ecg_id, Report.current, Labeling.vocabulary_id == vocabulary_id)
            # last of a source wins: the adjudicated one, else by when it was written where that is said, or came
            .order_by(
                Report.final, func.coalesce(Report.authored_at, Report.created_at), Report.created_at, Report.version
            )
        )
    }
    if set(readings) != {"machine", "overread"}:
        session.execute(delete(Pair).where(Pair.slot == slot, Pair.ecg_id == ecg_id))
        return
    machine, overread = readings["machine"][1], readings["overread"][1]
    cell_id = _cell_id(session, machine.present, machine.uncertain, overread.present, overread.uncertain)
    values = {"slot": slot, "cell_id": cell_id, "reader": readings["overread"][0].reader}
    attributes = ("recorded_at", "site", "device", "sex", "age")
    source = select(
        Ecg.id,
        *(getattr(Ecg, name) for name in attributes),
        *(_literal(Pair.__table__.c[name], value) for name, value in values.items()),
    ).where(Ecg.id == ecg_id)
    statement = insert(Pair).from_select(["ecg_id", *attributes, *values], source)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["slot", "ecg_id"],
            set_={name: statement.excluded[name] for name in (*attributes, "cell_id", "reader")},
        )
    )


def build_pairs(session: Session, vocabulary_id: uuid.UUID, slot: int, first: uuid.UUID, last: uuid.UUID) -> int:
    """Make the pairs of the ECGs from `first` to `last` (inclusive) in a slot; give how many were made.

    A pair that is there already is a writer's, and newer than what is read here.
    """
    _collect(session, vocabulary_id, "ecg_id BETWEEN :first AND :last", {"first": first, "last": last})
    return _store_collected(session, slot, "DO NOTHING")


def remake_pairs(session: Session, vocabulary_id: uuid.UUID, slot: int, ecgs: str) -> int:
    """Make the pairs of the ECGs whose ids a subquery gives agree with their current reports; give how many there are.

    The caller holds the rows of these ECGs, or has just inserted them.
    """
    _collect(session, vocabulary_id, f"ecg_id IN ({ecgs})", {})
    columns = ("cell_id", "reader", *_ATTRIBUTES)
    return _store_collected(
        session, slot, f"(slot, ecg_id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in columns)}"
    )


_ATTRIBUTES = ("recorded_at", "site", "device", "sex", "age")
_FOUR = "machine_present, machine_uncertain, overread_present, overread_uncertain"


def _collect(session: Session, vocabulary_id: uuid.UUID, chosen: str, parameters: dict[str, Any]) -> None:
    """Put what the pairs of the chosen ECGs are made of into the temporary table `fresh`, and their cells in place."""
    session.execute(
        text(
            f"""
            CREATE TEMPORARY TABLE fresh ON COMMIT DROP AS
            WITH newest AS (
                SELECT DISTINCT ON (ecg_id, source) ecg_id, source, reader, text_id FROM reports
                WHERE current AND {chosen}
                ORDER BY ecg_id, source, final DESC, coalesce(authored_at, created_at) DESC, created_at DESC,
                    version DESC
            )
            SELECT m.ecg_id, o.reader, lm.present AS machine_present, lm.uncertain AS machine_uncertain,
                   lo.present AS overread_present, lo.uncertain AS overread_uncertain
            FROM newest m JOIN newest o ON o.ecg_id = m.ecg_id AND o.source = 'overread'
            JOIN labelings lm ON lm.text_id = m.text_id AND lm.vocabulary_id = :vocabulary
            JOIN labelings lo ON lo.text_id = o.text_id AND lo.vocabulary_id = :vocabulary
            WHERE m.source = 'machine'
            """  # noqa: S608
        ),
        {"vocabulary": vocabulary_id, **parameters},
    )
    missing = f"SELECT DISTINCT {_FOUR} FROM fresh EXCEPT SELECT {_FOUR} FROM cells"  # noqa: S608
    if session.execute(text(f"{missing} LIMIT 1")).first() is not None:  # the dictionary is soon complete
        hold_dictionaries(session)
        session.execute(text(f"INSERT INTO cells ({_FOUR}) {missing} ORDER BY 1, 2, 3, 4 ON CONFLICT DO NOTHING"))


def _store_collected(session: Session, slot: int, on_conflict: str) -> int:
    attributes = ", ".join(_ATTRIBUTES)
    made = session.execute(
        text(
            f"""
            INSERT INTO pairs (slot, ecg_id, cell_id, reader, {attributes})
            SELECT :slot, ecg_id, cells.id, reader, {attributes}
            FROM fresh JOIN cells USING ({_FOUR}) JOIN ecgs ON ecgs.id = ecg_id
            ON CONFLICT {on_conflict}
            """  # noqa: S608
        ),
        {"slot": slot},
    )
    session.execute(text("DROP TABLE fresh"))
    return made.rowcount  # type: ignore[attr-defined, no-any-return]


def vacuum(database: Database, slot: int) -> None:
    """Let index-only scans of a slot's new pairs skip the table, and the planner know them."""
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"VACUUM (ANALYZE) pairs_{slot:d}"))


class SampledPair(NamedTuple):
    """A pair's newest readings: report and text of each."""

    ecg_id: uuid.UUID
    machine_report: uuid.UUID
    machine_text: int
    overread_report: uuid.UUID
    overread_text: int


def sample_pairs(session: Session, slot: int, size: int) -> list[SampledPair]:
    """Choose pairs at random, or all when there are no more than `size`."""
    rows = session.execute(
        text(
            """
            WITH chosen AS (SELECT ecg_id FROM pairs WHERE slot = :slot ORDER BY random() LIMIT :size),
            newest AS (
                SELECT DISTINCT ON (ecg_id, source) id, ecg_id, source, text_id FROM reports JOIN chosen USING (ecg_id)
                WHERE current
                ORDER BY ecg_id, source, final DESC, coalesce(authored_at, created_at) DESC, created_at DESC,
                    version DESC
            )
            SELECT m.ecg_id, m.id, m.text_id, o.id, o.text_id
            FROM newest m JOIN newest o ON o.ecg_id = m.ecg_id AND o.source = 'overread'
            WHERE m.source = 'machine' ORDER BY m.ecg_id
            """
        ),
        {"slot": slot, "size": size},
    )
    return [SampledPair(*row) for row in rows]


def pairs_between(session: Session, first: uuid.UUID, last: uuid.UUID) -> list[SampledPair]:
    """Give the pairs of the ECGs from `first` to `last` (inclusive), whatever the vocabulary."""
    rows = session.execute(
        text(
            """
            WITH newest AS (
                SELECT DISTINCT ON (ecg_id, source) id, ecg_id, source, text_id FROM reports
                WHERE current AND ecg_id BETWEEN :first AND :last
                ORDER BY ecg_id, source, final DESC, coalesce(authored_at, created_at) DESC, created_at DESC,
                    version DESC
            )
            SELECT m.ecg_id, m.id, m.text_id, o.id, o.text_id
            FROM newest m JOIN newest o ON o.ecg_id = m.ecg_id AND o.source = 'overread'
            WHERE m.source = 'machine' ORDER BY m.ecg_id
            """
        ),
        {"first": first, "last": last},
    )
    return [SampledPair(*row) for row in rows]


def _literal(column: Any, value: Any) -> ColumnElement[Any]:
    return cast(value, column.type)


def _cell_id(session: Session, *masks: int) -> int:
    """Find the cell of these masks, adding it when it is new (reading first: an insert that conflicts burns an id)."""
    where = [column == mask for column, mask in zip(_MASKS, masks, strict=True)]
    found = session.scalar(select(Cell.id).where(*where))
    if found is not None:
        return found
    hold_dictionaries(session)
    names = [column.key for column in _MASKS]
    session.execute(insert(Cell).values(dict(zip(names, masks, strict=True))).on_conflict_do_nothing())
    return session.scalars(select(Cell.id).where(*where)).one()
