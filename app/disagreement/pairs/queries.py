"""SQL that keeps pairs in agreement with reports. What is counted of them follows by itself (see `tables.py`)."""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, delete, or_, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.disagreement.attributes import NAMED
from app.disagreement.pairs.columns import COMPUTED, LOCAL, VALUES, WRITTEN, ZONED
from app.disagreement.statistics import MACHINE_UNREAD, OVERREAD_UNREAD, UNREADABLE
from app.disagreement.tables import AttributeValue, Cell, Pair
from app.reports.queries import agreed, counting, hold_dictionaries, overread_mask

_CELL = (Cell.machine_present, Cell.machine_uncertain, Cell.overread_present, Cell.overread_uncertain, Cell.left_out)

# Thousands of ECGs share a few of these: each is looked up once.
_NAMED_TOGETHER = f"""
    SELECT DISTINCT {", ".join(f"coalesce({each.written}, '') AS {name}" for name, each in NAMED.items())}
    FROM fresh p JOIN ecgs e ON e.id = ecg_id
"""  # noqa: S608
_NEW_VALUES = f"""
    SELECT DISTINCT attribute, value FROM ({_NAMED_TOGETHER}) named, LATERAL (
        VALUES {", ".join(f"('{name}', {name})" for name in NAMED)}
    ) said (attribute, value)
    WHERE value <> '' AND NOT EXISTS (
        SELECT FROM attribute_values v WHERE v.attribute = said.attribute AND v.value = said.value
    )
"""  # noqa: S608
_ID_OF = "LEFT JOIN attribute_values of_{0} ON of_{0}.attribute = '{0}' AND of_{0}.value = named.{0}"
_BETWEEN = "ecg_id BETWEEN :first AND :last"
_KEY = ", ".join(column.key for column in _CELL)


def refresh_pairs(session: Session, ecg_id: uuid.UUID, vocabulary_ids: Sequence[uuid.UUID]) -> None:
    """Make the ECG's pairs, one a maintained vocabulary, agree with its current reports.

    The caller holds the ECG's row lock, and the list of vocabularies. There is no pair where a report is missing, or
    where an activation has not read all of it: that pairs it.
    """
    found = session.execute(text(_ONE_ECG), {"ecg": ecg_id, "vocabularies": list(vocabulary_ids)}).mappings().all()
    rows = [_row(session, ecg_id, dict(row)) for row in found if row["machine_present"] is not None]
    if gone := [row["slot"] for row in found if row["machine_present"] is None and row["is_paired"]]:
        session.execute(delete(Pair).where(Pair.slot.in_(gone), Pair.ecg_id == ecg_id))
    if not rows:
        return
    statement = insert(Pair).values(rows)
    new = {name: statement.excluded[name] for name in WRITTEN}
    differs = [getattr(Pair, name).is_distinct_from(value) for name, value in new.items()]
    session.execute(statement.on_conflict_do_update(index_elements=["ecg_id", "slot"], set_=new, where=or_(*differs)))


def _row(session: Session, ecg_id: uuid.UUID, found: dict[str, Any]) -> dict[str, Any]:
    """Return a pair as it is stored, with what is new in the dictionaries added."""
    ids = {attribute: found[f"{attribute}_id"] for attribute in NAMED}
    if any(found[attribute] and ids[attribute] is None for attribute in NAMED):
        ids = _value_ids(session, {attribute: found[attribute] for attribute in NAMED})
    cell_id = found["cell_id"]
    if cell_id is None:
        cell_id = _add_cell(session, *(found[column.key] for column in _CELL))
    return {
        "ecg_id": ecg_id,
        "slot": found["slot"],
        "cell_id": cell_id,
        **{name: found[name] for name in VALUES},
        **{f"{attribute}_id": ids.get(attribute) or 0 for attribute in NAMED},
    }


def build_pairs(
    session: Session, vocabulary_id: uuid.UUID, slots: tuple[int, int], *, first: uuid.UUID, last: uuid.UUID
) -> int:
    """Make the pairs of the ECGs from `first` to `last` (inclusive) for another vocabulary; return how many were made.

    `slots`: where the active vocabulary's pairs stand, and where these shall. Of an ECG that is paired under both they
    differ in nothing but the cell. A pair that is there already is a writer's, and newer than what is read here.
    """
    allow_memory(session, "32MB")
    between = {"first": first, "last": last}
    _collect(session, vocabulary_id, _BETWEEN, between)
    columns = ", ".join(f"p.{name}" for name in WRITTEN if name != "cell_id")
    parameters = {"active": slots[0], "slot": slots[1], **between}
    made = _insert(
        session,
        f"SELECT :slot, p.ecg_id, cells.id, {columns} FROM fresh JOIN cells USING ({_KEY}) "  # noqa: S608
        f"JOIN pairs p USING (ecg_id) WHERE p.slot = :active AND {_BETWEEN} ON CONFLICT DO NOTHING",
        parameters,
    )
    session.execute(
        text(
            "DELETE FROM fresh USING pairs p WHERE p.ecg_id = fresh.ecg_id AND p.slot = :active "
            "AND p.ecg_id BETWEEN :first AND :last"
        ),
        parameters,
    )
    made += _insert_collected(session, slots[1], "ON CONFLICT DO NOTHING")
    return made


def remake_pairs(session: Session, vocabulary_id: uuid.UUID, slot: int, *, ecgs: str, known: str) -> int:
    """Make the pairs of ECGs agree with their current reports; return how many were written.

    `ecgs` and `known` are SQL of the ids of the ECGs, and of those among them that may have a pair. The caller holds
    the rows of these ECGs, or has just inserted them.
    """
    _collect(session, vocabulary_id, f"ecg_id IN ({ecgs})", {})
    session.execute(
        text(
            f"DELETE FROM pairs WHERE slot = :slot AND ecg_id IN ({known}) "  # noqa: S608
            "AND NOT EXISTS (SELECT FROM fresh WHERE fresh.ecg_id = pairs.ecg_id)"
        ),
        {"slot": slot},
    )
    columns = ", ".join(f"{name} = excluded.{name}" for name in WRITTEN)
    before, after = (", ".join(f"{row}.{name}" for name in WRITTEN) for row in ("pairs", "excluded"))
    return _insert_collected(
        session,
        slot,
        f"ON CONFLICT (ecg_id, slot) DO UPDATE SET {columns} WHERE ({before}) IS DISTINCT FROM ({after})",
    )


def move_to_zone(session: Session, site: str, time_zone: str) -> None:
    """Compute what follows from a site's time zone again, in all its pairs. The caller holds off all writers."""
    columns = ", ".join(
        f"{column} = {value.format(local='p.recorded_at AT TIME ZONE :zone')}" for column, value in LOCAL.items()
    )
    for part in range(16):  # the triggers hold what a statement changes
        first, last = uuid.UUID(int=part << 124), uuid.UUID(int=(part + 1 << 124) - 1)
        session.execute(
            text(
                f"UPDATE pairs p SET {columns} WHERE recorded_at IS NOT NULL AND {_BETWEEN} AND site_id = "  # noqa: S608
                "(SELECT id FROM attribute_values WHERE attribute = 'site' AND value = :site)"
            ),
            {"zone": time_zone, "site": site, "first": first, "last": last},
        )


def _paired(chosen: str, vocabulary: str = ":vocabulary") -> str:
    """Return the SQL of what the pairs of the chosen ECGs consist of: ECG, reader and what their cell is.

    `LIMIT 1` makes each labeling an index lookup. The planner knows nothing of a vocabulary that has just labeled its
    first texts, and would choose a join that compares all labelings with each other.
    """
    labeling = f"SELECT * FROM labelings WHERE vocabulary_id = {vocabulary} AND text_id ="  # noqa: S608
    masks = {
        "machine_present": "m.present",
        "machine_uncertain": "m.uncertain",
        "overread_present": overread_mask("present", "o", "a"),
        "overread_uncertain": overread_mask("uncertain", "o", "a"),
    }
    shown = ", ".join(f"CASE left_out WHEN 0 THEN {mask} ELSE 0 END AS {name}" for name, mask in masks.items())
    return f"""
        SELECT readings.ecg_id, reader, machine_reader, blinded, validated, {shown}, left_out
        FROM (
            SELECT ecg_id, max(text_id) FILTER (WHERE source = 'machine') AS machine,
                   max(text_id) FILTER (WHERE source = 'overread') AS overread,
                   max(reader) FILTER (WHERE source = 'overread') AS reader,
                   max(reader) FILTER (WHERE source = 'machine') AS machine_reader,
                   max(blinded) FILTER (WHERE source = 'overread') AS blinded,
                   max(validated) FILTER (WHERE source = 'overread') AS validated,
                   max(created_at) FILTER (WHERE source = 'overread') AS created_at
            FROM ({counting(chosen)}) counting GROUP BY ecg_id
        ) readings, LATERAL ({labeling} machine LIMIT 1) m, LATERAL ({labeling} overread LIMIT 1) o
        LEFT JOIN LATERAL {agreed("readings", "o", vocabulary)} a ON true,
        LATERAL (
            SELECT CASE WHEN 'unread' IN (m.stance, a.stance) THEN {MACHINE_UNREAD} ELSE 0 END
                 + CASE o.stance WHEN 'unread' THEN {OVERREAD_UNREAD} WHEN 'unreadable' THEN {UNREADABLE} ELSE 0 END
        ) why (left_out)
        WHERE o.stance <> 'agrees' OR a.stance IS NOT NULL
    """  # noqa: S608


_ONE_ECG = f"""
    SELECT v.slot, {", ".join(f"p.{column.key}" for column in _CELL)}, cells.id AS cell_id,
           {COMPUTED}, {", ".join(f"{each.written}" for each in NAMED.values())},
           {
    ", ".join(
        f"(SELECT id FROM attribute_values WHERE attribute = '{name}' AND value = {each.written}) AS {each.column}"
        for name, each in NAMED.items()
    )
},
           EXISTS (SELECT FROM pairs WHERE pairs.slot = v.slot AND pairs.ecg_id = e.id) AS is_paired
    FROM vocabularies v JOIN ecgs e ON e.id = :ecg {ZONED}
    LEFT JOIN LATERAL ({_paired("ecg_id = :ecg", "v.id")}) p ON true
    LEFT JOIN cells USING ({_KEY})
    WHERE v.id = ANY(:vocabularies) AND v.slot IS NOT NULL
"""  # noqa: S608


def _collect(session: Session, vocabulary_id: uuid.UUID, chosen: str, parameters: dict[str, Any]) -> None:
    """Put what the pairs of the chosen ECGs consist of into the temporary table `fresh`; add their new cells."""
    session.execute(
        text(f"CREATE TEMPORARY TABLE fresh ON COMMIT DROP AS {_paired(chosen)}"),
        {"vocabulary": vocabulary_id, **parameters},
    )
    missing = f"SELECT DISTINCT {_KEY} FROM fresh EXCEPT SELECT {_KEY} FROM cells"  # noqa: S608
    if session.execute(text(f"{missing} LIMIT 1")).first() is not None:  # the dictionaries are soon complete
        hold_dictionaries(session)
        session.execute(text(f"INSERT INTO cells ({_KEY}) {missing} ORDER BY {_KEY} ON CONFLICT DO NOTHING"))


def _insert_collected(session: Session, slot: int, conflict: str) -> int:
    """Insert the pairs in `fresh`, with what is new in the dictionaries; return how many were written."""
    if session.execute(text(f"{_NEW_VALUES} LIMIT 1")).first() is not None:
        hold_dictionaries(session)
        session.execute(
            text(f"INSERT INTO attribute_values (attribute, value) {_NEW_VALUES} ORDER BY 1, 2 ON CONFLICT DO NOTHING")
        )
    written = _insert(
        session,
        f"""
        WITH ids AS MATERIALIZED (
            SELECT named.*, {", ".join(f"coalesce(of_{name}.id, 0) AS {name}_id" for name in NAMED)}
            FROM ({_NAMED_TOGETHER}) named {" ".join(_ID_OF.format(name) for name in NAMED)}
        )
        SELECT :slot, ecg_id, {", ".join(f"written.{name}" for name in WRITTEN)} FROM (
            SELECT ecg_id, cells.id AS cell_id, {COMPUTED}, {", ".join(f"{name}_id" for name in NAMED)}
            FROM fresh p JOIN cells USING ({_KEY}) JOIN ecgs e ON e.id = ecg_id {ZONED}
            JOIN ids ON {" AND ".join(f"ids.{name} = coalesce({each.written}, '')" for name, each in NAMED.items())}
        ) written
        {conflict}
        """,  # noqa: S608
        {"slot": slot},
    )
    session.execute(text("DROP TABLE fresh"))
    return written


def _insert(session: Session, rows: str, parameters: dict[str, Any]) -> int:
    columns = ", ".join(WRITTEN)
    made = session.execute(text(f"INSERT INTO pairs (slot, ecg_id, {columns}) {rows}"), parameters)
    return made.rowcount  # type: ignore[attr-defined, no-any-return]


def allow_memory(session: Session, size: str) -> None:
    """Set the memory of each sort and hash of this transaction; what needs more goes to disk and takes longer."""
    session.execute(text("SELECT set_config('work_mem', :size, true)"), {"size": size})


def _value_ids(session: Session, names: dict[str, str | None]) -> dict[str, int]:
    """Return the ids of names by attribute, and add the new ones; a name that is not given has none."""
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


def _cell_id(session: Session, *key: int) -> int:
    """Return the id of the cell of this key; add it where it is new. Selects first: failed inserts use up ids."""
    found = session.scalar(_cell_of(key))
    return _add_cell(session, *key) if found is None else found


def _add_cell(session: Session, *key: int) -> int:
    hold_dictionaries(session)
    values = dict(zip((column.key for column in _CELL), key, strict=True))
    added = session.scalar(insert(Cell).values(values).on_conflict_do_nothing().returning(Cell.id))
    return session.scalars(_cell_of(key)).one() if added is None else added


def _cell_of(key: Sequence[int]) -> Select[int]:
    return select(Cell.id).where(*(column == value for column, value in zip(_CELL, key, strict=True)))
