"""SQL of a batch's ECGs, in the temporary table `arriving_ecgs`."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.imports.batch import ArrivingEcg, Batch, Facts
from app.imports.copying import ascending_ids, copy_rows
from ml.formats.ecg_file import MEASURED

_FACTS = ", ".join(Facts._fields)
_DEFAULTS = {"sex": "coalesce(sex, 'unknown')", "simulated": "coalesce(simulated, false)"}
_TYPES = {
    "recorded_at": "timestamptz",
    "age": "float8",
    "fold": "smallint",
    "simulated": "boolean",
    **dict.fromkeys(("patient_hash", "order_hash"), "bytea"),
    **dict.fromkeys(MEASURED, "real"),
}  # of the others: text
_FACTS_TYPED = ", ".join(f"{name} {_TYPES.get(name, 'text')}" for name in Facts._fields)
_HASHES = [place for place, name in enumerate(Facts._fields) if _TYPES.get(name) == "bytea"]
_FACTS_STORED = ", ".join(_DEFAULTS.get(name, name) for name in Facts._fields)
_COMPARED = [name for name in Facts._fields if name not in _DEFAULTS]
_WAVEFORM = "waveform_sha256, samples, sampling_rate_hz"
_IDENTITY = f"record, {_WAVEFORM}"
_ANOTHER_HAS = "EXISTS (SELECT FROM ecgs o WHERE o.record = a.record AND o.id <> e.id)"


class StoredEcgs(NamedTuple):
    """What became of a batch's ECGs.

    Attributes
    ----------
    new
        How many are new.
    conflicts
        By field: how many ECGs have something else stored, which was kept.
    taken
        Places of those whose record another waveform has. They were not stored.
    again
        Places of those that are the same ECG as another one of the batch, which was not known before. They were not
        stored, and may come again in another batch.
    """

    new: int
    conflicts: dict[str, int]
    taken: list[int]
    again: list[int]


def copy_in(session: Session, batch: Batch) -> None:
    """Make the temporary table of a batch's ECGs."""
    session.execute(
        text(
            "CREATE TEMPORARY TABLE arriving_ecgs (place integer, id uuid, record text, waveform_sha256 text, "
            f"samples integer, sampling_rate_hz float8, {_FACTS_TYPED}, "
            "known boolean DEFAULT false, touched boolean DEFAULT true) ON COMMIT DROP"
        )
    )
    rows = zip(ascending_ids(len(batch.ecgs)), batch.ecgs, strict=True)
    copy_rows(
        session,
        f"arriving_ecgs (place, id, {_IDENTITY}, {_FACTS})",
        ((place, ecg_id, *_copied(ecg)) for place, (ecg_id, ecg) in enumerate(rows)),
    )


def store(session: Session, batch: Batch) -> StoredEcgs:
    """Insert the new ECGs; lock and fill in the others.

    An ECG is known by its waveform, else by its record: a record without a waveform gets the one that arrives.
    """
    inserted = session.execute(
        text(
            f"""
            INSERT INTO ecgs (id, {_IDENTITY}, {_FACTS})
            SELECT id, {_IDENTITY}, {_FACTS_STORED}
            FROM arriving_ecgs ORDER BY record COLLATE "C", waveform_sha256 ON CONFLICT DO NOTHING
            """  # noqa: S608
        )
    )
    new: int = inserted.rowcount  # type: ignore[attr-defined]
    if new == len(batch.ecgs):
        return StoredEcgs(new, {}, [], [])
    _recognise(session)
    taken, again = _set_aside(session) if batch.has_waveforms else ([], [])
    conflicts = _conflicts(session)
    _fill_in(session)
    return StoredEcgs(new, conflicts, taken, again)


def _copied(ecg: ArrivingEcg) -> Sequence[Any]:
    """Return an ECG as COPY takes it."""
    values = list(ecg.facts)
    for place in _HASHES:
        if values[place] is not None:
            values[place] = f"\\x{values[place]}"
    return (ecg.record, *(ecg.waveform or (None, None, None)), *values)


def _recognise(session: Session) -> None:
    """Give the ECGs that are stored already their ids, and lock them."""
    for name in ("waveform_sha256", "record"):
        session.execute(
            text(
                f"""
                UPDATE arriving_ecgs a SET id = e.id, known = true, touched = false FROM ecgs e
                WHERE e.{name} = a.{name} AND e.id <> a.id AND NOT a.known
                """  # noqa: S608
            )
        )
    session.execute(
        text("SELECT FROM ecgs WHERE id IN (SELECT id FROM arriving_ecgs WHERE known) ORDER BY id FOR NO KEY UPDATE")
    )


def _set_aside(session: Session) -> tuple[list[int], list[int]]:
    """Take out the ECGs that cannot be stored with this batch; return the places of `taken` and `again`."""
    taken = session.scalars(
        text(
            "SELECT a.place FROM arriving_ecgs a JOIN ecgs e ON e.id = a.id "
            "WHERE a.known AND e.waveform_sha256 <> a.waveform_sha256 ORDER BY a.place"
        )
    ).all()
    again = session.scalars(
        text(
            """
            SELECT place FROM (
                SELECT place, row_number() OVER (PARTITION BY id ORDER BY place) AS number
                FROM arriving_ecgs WHERE known AND place <> ALL(:taken)
            ) numbered WHERE number > 1 ORDER BY place
            """
        ),
        {"taken": taken},
    ).all()
    if taken or again:
        session.execute(text("DELETE FROM arriving_ecgs WHERE place = ANY(:places)"), {"places": [*taken, *again]})
    return list(taken), list(again)


def _conflicts(session: Session) -> dict[str, int]:
    differs = [(name, f"e.{name} <> a.{name}") for name in _COMPARED]
    differs.append(("sex", "e.sex <> a.sex AND 'unknown' NOT IN (e.sex, a.sex)"))
    differs.append(("record", f"e.record <> a.record OR (e.record IS NULL AND {_ANOTHER_HAS})"))
    row = session.execute(
        text(
            f"SELECT {', '.join(f'count(*) FILTER (WHERE {differ})' for _, differ in differs)} "  # noqa: S608
            "FROM arriving_ecgs a JOIN ecgs e ON e.id = a.id WHERE a.known"
        )
    ).one()
    return {name: found for (name, _), found in zip(differs, row, strict=True) if found}


def _fill_in(session: Session) -> None:
    """Fill in what was not known of known ECGs; the ECGs that change are touched."""
    filled = [*_COMPARED, *_WAVEFORM.split(", ")]
    fill = ", ".join(f"{name} = coalesce(e.{name}, a.{name})" for name in filled)
    lacks = " OR ".join(f"(e.{name} IS NULL AND a.{name} IS NOT NULL)" for name in (*filled, "record"))
    session.execute(
        text(
            f"""
            WITH filled AS (
                UPDATE ecgs e SET {fill}, simulated = e.simulated OR coalesce(a.simulated, false),
                    sex = CASE WHEN e.sex = 'unknown' THEN coalesce(a.sex, e.sex) ELSE e.sex END,
                    record = CASE WHEN e.record IS NULL AND NOT {_ANOTHER_HAS} THEN a.record ELSE e.record END
                FROM arriving_ecgs a WHERE e.id = a.id AND a.known
                AND ({lacks} OR (a.simulated AND NOT e.simulated) OR (e.sex = 'unknown' AND a.sex <> 'unknown'))
                RETURNING e.id
            )
            UPDATE arriving_ecgs a SET touched = true FROM filled WHERE filled.id = a.id
            """  # noqa: S608
        )
    )
