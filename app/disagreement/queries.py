"""SQL that keeps pairs in agreement with reports. What is counted of them follows by itself (see `tables.py`)."""

import uuid
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import and_, delete, func, or_, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.disagreement.counting.queries import FACETS
from app.disagreement.counting.selection import NAMED, SEXES
from app.disagreement.tables import AttributeValue, Cell, Pair
from app.ecgs.tables import Ecg
from app.kit.database import Database
from app.reports.queries import counts_first, hold_dictionaries
from app.reports.tables import Labeling, Report
from app.vocabularies.queries import maintained_slots

_MASKS = (Cell.machine_present, Cell.machine_uncertain, Cell.overread_present, Cell.overread_uncertain)
_FOLD = 0x666F6C64
FOLD_FROM = 2_000
"""Changes worth a fold: reading so many takes a millisecond or two."""


def refresh_pair(session: Session, ecg_id: uuid.UUID) -> None:
    """Make the ECG's pairs, one a maintained vocabulary, agree with its current reports.

    The caller holds the ECG's row lock. Of several readers' current over-reads the final one counts, else
    the one written last.
    """
    for vocabulary_id, slot in maintained_slots(session):
        _refresh_pair(session, ecg_id, vocabulary_id, slot)


def _refresh_pair(session: Session, ecg_id: uuid.UUID, vocabulary_id: uuid.UUID, slot: int) -> None:
    of_text = and_(Labeling.text_id == Report.text_id, Labeling.vocabulary_id == vocabulary_id)
    current = session.execute(
        select(Report, Labeling)
        .outerjoin(Labeling, of_text)
        .where(Report.ecg_id == ecg_id, Report.current)
        .order_by(text(counts_first()))
    )
    readings: dict[str, tuple[Report, Labeling | None]] = {}
    for report, labeling in current:
        readings.setdefault(report.source, (report, labeling))
    machine, overread = (readings[source][1] if source in readings else None for source in ("machine", "overread"))
    if machine is None or overread is None:  # one is not there, or an activation has not read it yet and will pair it
        session.execute(delete(Pair).where(Pair.slot == slot, Pair.ecg_id == ecg_id))
        return
    ecg = session.execute(
        select(Ecg.recorded_at, Ecg.age, Ecg.sex, Ecg.site, Ecg.device, Ecg.device_software, Ecg.simulated).where(
            Ecg.id == ecg_id
        )
    ).one()
    names = {"site": ecg.site, "device": ecg.device, "device_software": ecg.device_software}
    ids = _value_ids(session, {**names, "reader": readings["overread"][0].reader})
    values = {
        "recorded_at": ecg.recorded_at,
        "age": ecg.age,
        "cell_id": _cell_id(session, machine.present, machine.uncertain, overread.present, overread.uncertain),
        **{f"{attribute}_id": ids.get(attribute, 0) for attribute in NAMED},
        "sex": SEXES.index(ecg.sex),
        "simulated": ecg.simulated,
    }
    statement = insert(Pair).values(slot=slot, ecg_id=ecg_id, **values)
    new = {name: statement.excluded[name] for name in values}
    differs = [getattr(Pair, name).is_distinct_from(value) for name, value in new.items()]
    session.execute(statement.on_conflict_do_update(index_elements=["ecg_id", "slot"], set_=new, where=or_(*differs)))


def build_pairs(
    session: Session, vocabulary_id: uuid.UUID, slots: tuple[int, int], first: uuid.UUID, last: uuid.UUID
) -> int:
    """Make the pairs of the ECGs from `first` to `last` (inclusive) for another vocabulary; give how many were made.

    `slots`: where the active vocabulary's pairs stand, and where these shall. They differ in nothing but what was read.
    A pair that is there already is a writer's, and newer than what is read here.
    """
    _allow_memory(session, "32MB")
    between = {"first": first, "last": last}
    _collect(session, vocabulary_id, _BETWEEN, between)
    columns = ", ".join(f"p.{name}" for name in _WRITTEN if name != "cell_id")
    return _store_collected(
        session,
        f"SELECT :slot, p.ecg_id, cells.id, {columns} FROM fresh JOIN cells USING ({_FOUR}) "  # noqa: S608
        f"JOIN pairs p USING (ecg_id) WHERE p.slot = :active AND {_BETWEEN} ON CONFLICT DO NOTHING",
        {"active": slots[0], "slot": slots[1], **between},
    )


def remake_pairs(session: Session, vocabulary_id: uuid.UUID, slot: int, ecgs: str) -> int:
    """Make the pairs of the ECGs whose ids a subquery gives agree with their current reports; give how many there are.

    The caller holds the rows of these ECGs, or has just inserted them.
    """
    _collect(session, vocabulary_id, f"ecg_id IN ({ecgs})", {})
    if session.execute(text(f"{_NEW_VALUES} LIMIT 1")).first() is not None:
        hold_dictionaries(session)
        session.execute(
            text(f"INSERT INTO attribute_values (attribute, value) {_NEW_VALUES} ORDER BY 1, 2 ON CONFLICT DO NOTHING")
        )
    columns = ", ".join(f"{name} = excluded.{name}" for name in _WRITTEN)
    before, after = (", ".join(f"{row}.{name}" for name in _WRITTEN) for row in ("pairs", "excluded"))
    return _store_collected(
        session,
        f"""
        WITH ids AS MATERIALIZED (
            SELECT named.*, coalesce(s.id, 0) AS site_id, coalesce(d.id, 0) AS device_id,
                   coalesce(w.id, 0) AS device_software_id, coalesce(r.id, 0) AS reader_id
            FROM ({_NAMED_TOGETHER}) named
            LEFT JOIN attribute_values s ON s.attribute = 'site' AND s.value = site
            LEFT JOIN attribute_values d ON d.attribute = 'device' AND d.value = device
            LEFT JOIN attribute_values w ON w.attribute = 'device_software' AND w.value = device_software
            LEFT JOIN attribute_values r ON r.attribute = 'reader' AND r.value = reader
        )
        SELECT :slot, ecg_id, cells.id, recorded_at, age,
               CASE sex WHEN 'male' THEN 1 WHEN 'female' THEN 2 ELSE 0 END, simulated,
               site_id, device_id, device_software_id, reader_id
        FROM fresh JOIN cells USING ({_FOUR}) JOIN ecgs e ON e.id = ecg_id
        JOIN ids ON ids.site = coalesce(e.site, '') AND ids.device = coalesce(e.device, '')
                AND ids.device_software = coalesce(e.device_software, '') AND ids.reader = fresh.reader
        ON CONFLICT (ecg_id, slot) DO UPDATE SET {columns} WHERE ({before}) IS DISTINCT FROM ({after})
        """,  # noqa: S608
        {"slot": slot},
    )


_WRITTEN = ("cell_id", "recorded_at", "age", "sex", "simulated", *(f"{attribute}_id" for attribute in NAMED))
# Thousands of ECGs share a few of these: each is looked up once.
_NAMED_TOGETHER = """
    SELECT DISTINCT coalesce(site, '') AS site, coalesce(device, '') AS device,
                    coalesce(device_software, '') AS device_software, reader
    FROM fresh JOIN ecgs ON ecgs.id = ecg_id
"""
_NEW_VALUES = f"""
    SELECT DISTINCT attribute, value FROM ({_NAMED_TOGETHER}) named, LATERAL (
        VALUES ('site', site), ('device', device), ('device_software', device_software), ('reader', reader)
    ) said (attribute, value)
    WHERE value <> '' AND NOT EXISTS (
        SELECT FROM attribute_values v WHERE v.attribute = said.attribute AND v.value = said.value
    )
"""  # noqa: S608
_BETWEEN = "ecg_id BETWEEN :first AND :last"
_FOUR = "machine_present, machine_uncertain, overread_present, overread_uncertain"


def _readings(chosen: str) -> str:
    """SQL of the reports that count in the pairs of the chosen ECGs: one of a source."""
    return (
        "SELECT DISTINCT ON (ecg_id, source) ecg_id, source, id, text_id, reader FROM reports "  # noqa: S608
        f"WHERE current AND {chosen} ORDER BY ecg_id, source, {counts_first()}"
    )


def _labeling(text_id: str) -> str:
    """SQL of a text's masks under `:vocabulary`: one look into the index a text, whatever the planner knows of it.

    Of a vocabulary that has just read its first texts it knows nothing, and joins would compare each with every other.
    """
    return (
        "(SELECT present, uncertain FROM labelings "  # noqa: S608
        f"WHERE vocabulary_id = :vocabulary AND text_id = {text_id} LIMIT 1)"
    )


def _collect(session: Session, vocabulary_id: uuid.UUID, chosen: str, parameters: dict[str, Any]) -> None:
    """Put what the pairs of the chosen ECGs are made of into the temporary table `fresh`, and their cells in place."""
    session.execute(
        text(
            f"""
            CREATE TEMPORARY TABLE fresh ON COMMIT DROP AS
            SELECT ecg_id, reader, m.present AS machine_present, m.uncertain AS machine_uncertain,
                   o.present AS overread_present, o.uncertain AS overread_uncertain
            FROM (
                SELECT ecg_id, max(text_id) FILTER (WHERE source = 'machine') AS machine,
                       max(text_id) FILTER (WHERE source = 'overread') AS overread,
                       max(reader) FILTER (WHERE source = 'overread') AS reader
                FROM ({_readings(chosen)}) counting GROUP BY ecg_id
            ) readings, LATERAL {_labeling("machine")} m, LATERAL {_labeling("overread")} o
            """  # noqa: S608
        ),
        {"vocabulary": vocabulary_id, **parameters},
    )
    missing = f"SELECT DISTINCT {_FOUR} FROM fresh EXCEPT SELECT {_FOUR} FROM cells"  # noqa: S608
    if session.execute(text(f"{missing} LIMIT 1")).first() is not None:  # the dictionaries are soon complete
        hold_dictionaries(session)
        session.execute(text(f"INSERT INTO cells ({_FOUR}) {missing} ORDER BY 1, 2, 3, 4 ON CONFLICT DO NOTHING"))


def _store_collected(session: Session, rows: str, parameters: dict[str, Any]) -> int:
    columns = ", ".join(_WRITTEN)
    made = session.execute(text(f"INSERT INTO pairs (slot, ecg_id, {columns}) {rows}"), parameters)
    session.execute(text("DROP TABLE fresh"))
    return made.rowcount  # type: ignore[attr-defined, no-any-return]


def _allow_memory(session: Session, size: str) -> None:
    """Let each sort and hash of this transaction have so much: what does not fit goes to disk and takes longer."""
    session.execute(text("SELECT set_config('work_mem', :size, true)"), {"size": size})


def fold(session: Session, slot: int) -> int:
    """Count a slot's changes into its totals; give how many there were. Who reads meanwhile sees before or after."""
    session.execute(select(func.pg_advisory_xact_lock(_FOLD, slot)))
    _allow_memory(session, "64MB")
    facets = ", ".join(f"({number}, {column})" for column, number in FACETS.items())
    folded = session.execute(
        text(
            f"""
            WITH gone AS (DELETE FROM pair_deltas_{slot:d} RETURNING *), counted AS (
                INSERT INTO pair_totals_{slot:d} AS totals (simulated, facet, value, cell_id, slot, pairs)
                SELECT simulated, facet, value, cell_id, :slot, sum(pairs)
                FROM gone, LATERAL (VALUES {facets}) facets (facet, value)
                GROUP BY simulated, facet, value, cell_id HAVING sum(pairs) <> 0
                ORDER BY simulated, facet, value, cell_id
                ON CONFLICT (simulated, facet, value, cell_id, slot) DO UPDATE SET pairs = totals.pairs + excluded.pairs
            )
            SELECT count(*) FROM gone
            """  # noqa: S608
        ),
        {"slot": slot},
    )
    return int(folded.scalar_one())


def fold_when_worth_it(session: Session) -> None:
    """Fold the slots in which many changes wait: a worker does it now and then."""
    for slot in (0, 1):
        waiting = f"SELECT count(*) FROM (SELECT FROM pair_deltas_{slot:d} LIMIT {FOLD_FROM:d}) waiting"  # noqa: S608
        if session.execute(text(waiting)).scalar_one() >= FOLD_FROM:
            fold(session, slot)


def vacuum(database: Database, slot: int) -> None:
    """After many changes: count them, let index-only scans skip the tables, and the planner know what is there."""
    with database.begin() as session:
        fold(session, slot)
    tables = ", ".join(f"{name}_{slot:d}" for name in ("pairs", "changes", "pair_totals", "pair_deltas"))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"VACUUM (ANALYZE) {tables}"))


class SampledPair(NamedTuple):
    """A pair's readings: report and text of each."""

    ecg_id: uuid.UUID
    machine_report: uuid.UUID
    machine_text: int
    overread_report: uuid.UUID
    overread_text: int


def sample_pairs(session: Session, slot: int, size: int) -> list[SampledPair]:
    """Choose pairs at random, or all when there are no more than `size`."""
    chosen = session.execute(
        text("SELECT ecg_id FROM pairs WHERE slot = :slot ORDER BY random() LIMIT :size"), {"slot": slot, "size": size}
    )
    return pairs_of(session, list(chosen.scalars()))


def pairs_of(session: Session, ecg_ids: Sequence[uuid.UUID]) -> list[SampledPair]:
    """Give the pairs of these ECGs, whatever the vocabulary."""
    return _read_pairs(session, "ecg_id = ANY(:ids)", {"ids": list(ecg_ids)})


def pairs_between(session: Session, first: uuid.UUID, last: uuid.UUID) -> list[SampledPair]:
    """Give the pairs of the ECGs from `first` to `last` (inclusive), whatever the vocabulary."""
    return _read_pairs(session, _BETWEEN, {"first": first, "last": last})


def _read_pairs(session: Session, chosen: str, parameters: dict[str, Any]) -> list[SampledPair]:
    columns = ", ".join(
        f"(array_agg({name}) FILTER (WHERE source = '{source}'))[1]"
        for source in ("machine", "overread")
        for name in ("id", "text_id")
    )
    rows = session.execute(
        text(
            f"SELECT ecg_id, {columns} FROM ({_readings(chosen)}) counting "  # noqa: S608
            "GROUP BY ecg_id HAVING count(*) = 2 ORDER BY ecg_id"
        ),
        parameters,
    )
    return [SampledPair(*row) for row in rows]


def _value_ids(session: Session, names: dict[str, str | None]) -> dict[str, int]:
    """Find the ids of names by attribute, adding those that are new; what is not said has none."""
    said = {attribute: name for attribute, name in names.items() if name}
    known = select(AttributeValue.attribute, AttributeValue.id).where(
        tuple_(AttributeValue.attribute, AttributeValue.value).in_(said.items())
    )
    found = dict(session.execute(known).all()) if said else {}
    if missing := [attribute for attribute in NAMED if attribute in said and attribute not in found]:
        hold_dictionaries(session)
        rows = [{"attribute": attribute, "value": said[attribute]} for attribute in missing]
        session.execute(insert(AttributeValue).values(rows).on_conflict_do_nothing())
        found = dict(session.execute(known).all())
    return found


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
