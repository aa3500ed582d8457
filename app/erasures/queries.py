"""SQL of erasing. The caller has locked out every writer of reports and pairs (`wait_for_writers`)."""

import json
import uuid
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import delete, exists, func, insert, select, text, update
from sqlalchemy.orm import Session

from app.ecgs.tables import Ecg
from app.erasures.tables import Erasure, ObjectToDelete, Tombstone
from app.kit.audit import MISS
from app.kit.pagination import Position, after
from app.reports.queries import hold_dictionaries
from app.reports.tables import Report

SHOWN = {"erased": "An ECG that this result showed was erased; ask again."}
"""The result of a job that had quoted what was erased."""


class Held(NamedTuple):
    """Datasets that hold what was erased, models that were trained on them, and discrepancy models that hold it."""

    datasets: list[uuid.UUID]
    models: list[uuid.UUID]
    discrepancy_models: list[uuid.UUID]


def locked(session: Session, *chosen: Any) -> Sequence[Ecg]:
    """Return the chosen ECGs, and lock them for their deletion."""
    return session.scalars(select(Ecg).where(*chosen).order_by(Ecg.id).with_for_update()).all()


def text_ids_of(session: Session, ecg_ids: Sequence[uuid.UUID]) -> list[int]:
    """Return the texts of some ECGs' reports, reviews and gold, in order."""
    found = session.scalars(
        text(
            """
            WITH mine AS (
                SELECT r.id, r.first_text_id FROM review_readings r JOIN review_items i ON i.id = r.item_id
                WHERE i.ecg_id = ANY(:ids)
            )
            SELECT text_id FROM reports WHERE ecg_id = ANY(:ids)
            UNION SELECT text_id FROM review_gold WHERE ecg_id = ANY(:ids)
            UNION SELECT first_text_id FROM mine WHERE first_text_id IS NOT NULL
            UNION SELECT v.text_id FROM review_versions v JOIN mine ON mine.id = v.reading_id
            ORDER BY 1
            """
        ),
        {"ids": list(ecg_ids)},
    )
    return list(found)


def report_ids_of(session: Session, ecg_ids: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """Return some ECGs' reports, in every version."""
    return list(session.scalars(select(Report.id).where(Report.ecg_id.in_(ecg_ids))))


def drop_rows(session: Session, table: str, ecg_ids: Sequence[uuid.UUID]) -> int:
    """Delete the rows of a table that have one of these ECGs; return how many."""
    dropped = session.execute(text(f"DELETE FROM {table} WHERE ecg_id = ANY(:ids)"), {"ids": list(ecg_ids)})  # noqa: S608
    return dropped.rowcount  # type: ignore[attr-defined, no-any-return]


def forget_earlier(session: Session, ecg_ids: Sequence[uuid.UUID]) -> None:
    """Forget that flags of a patient's later ECGs speak of these."""
    session.execute(
        text("UPDATE over_read_flags SET earlier_ecg_id = NULL WHERE earlier_ecg_id = ANY(:ids)"),
        {"ids": list(ecg_ids)},
    )


def drop_ecgs(session: Session, ecg_ids: Sequence[uuid.UUID]) -> None:
    """Delete ECGs of which no row speaks any more."""
    session.execute(delete(Ecg).where(Ecg.id.in_(ecg_ids)).execution_options(synchronize_session=False))


def drop_unused_texts(session: Session, text_ids: Sequence[int]) -> int:
    """Delete those of some texts that nobody has written any more, with what vocabularies read in them.

    Return how many.
    """
    unused = session.scalars(
        text(
            """
            SELECT id FROM texts t WHERE id = ANY(:ids) AND NOT EXISTS (SELECT FROM reports WHERE text_id = t.id)
            AND NOT EXISTS (SELECT FROM review_gold WHERE text_id = t.id)
            AND NOT EXISTS (SELECT FROM review_readings WHERE first_text_id = t.id)
            AND NOT EXISTS (SELECT FROM review_versions WHERE text_id = t.id)
            ORDER BY id FOR UPDATE
            """
        ),
        {"ids": list(text_ids)},
    ).all()
    if not unused:
        return 0
    statements = session.scalars(
        text(
            "WITH gone AS (DELETE FROM labelings WHERE text_id = ANY(:ids) RETURNING unmapped) "
            "SELECT DISTINCT unnest(unmapped) FROM gone"
        ),
        {"ids": list(unused)},
    ).all()
    session.execute(text("DELETE FROM texts WHERE id = ANY(:ids)"), {"ids": list(unused)})
    if statements:
        _drop_unused_statements(session, statements)
    return len(unused)


def _drop_unused_statements(session: Session, statement_ids: Sequence[int]) -> None:
    """Delete those of some statements that are in no text any more. Reads all labelings once."""
    hold_dictionaries(session)
    session.execute(
        text(
            """
            WITH used AS (
                SELECT DISTINCT unnest(unmapped) AS id FROM labelings WHERE unmapped && CAST(:ids AS bigint[])
            )
            DELETE FROM statements s WHERE id = ANY(:ids) AND NOT EXISTS (SELECT FROM used WHERE used.id = s.id)
            """
        ),
        {"ids": list(statement_ids)},
    )


def forget_files(session: Session, digests: Sequence[str]) -> None:
    """Forget what imports know of the files of waveforms, but that files lay there: their paths are keyed hashes.

    So a file that has not changed is not read again.
    """
    session.execute(
        text(
            """
            DELETE FROM import_rejections r USING import_files f WHERE f.waveform_sha256 = ANY(:digests)
            AND ((r.folder = f.folder AND r.place_hash = f.path) OR r.sha256 = f.sha256)
            """
        ),
        {"digests": list(digests)},
    )
    session.execute(
        text(
            "UPDATE import_files SET sha256 = NULL, waveform_sha256 = NULL, samples = NULL, sampling_rate_hz = NULL "
            "WHERE waveform_sha256 = ANY(:digests)"
        ),
        {"digests": list(digests)},
    )


def read_files_again(session: Session) -> None:
    """Let imports read the files again of which nothing is known, because their ECGs were erased."""
    session.execute(text("DELETE FROM import_files WHERE sha256 IS NULL AND waveform_sha256 IS NULL"))


def empty_audit(session: Session, ecg_ids: Sequence[uuid.UUID], report_ids: Sequence[uuid.UUID]) -> None:
    """Take the content out of the audit entries about ECGs and reports; who did what, and when, stays."""
    for resource, ids in (("ecg", ecg_ids), ("report", report_ids)):
        session.execute(
            text(
                'UPDATE audit_log SET "before" = NULL, "after" = NULL '
                "WHERE resource = :resource AND resource_id = ANY(:ids) AND action <> 'erase'"
            ),
            {"resource": resource, "ids": [str(each) for each in ids]},
        )
    session.execute(
        text(
            "UPDATE audit_log SET \"after\" = NULL, resource_id = 'erased' "
            "WHERE resource = 'patient' AND action = :miss AND \"after\" ->> 'ecg_id' = ANY(:ids)"
        ),
        {"miss": MISS, "ids": [str(each) for each in ecg_ids]},
    )


def hide_hashes(session: Session, resource: str, hashes: Sequence[bytes]) -> None:
    """Take hashes of a patient, or of orders, out of the audit entries about them."""
    session.execute(
        text("UPDATE audit_log SET resource_id = 'erased' WHERE resource = :resource AND resource_id = ANY(:hashes)"),
        {"resource": resource, "hashes": [each.hex() for each in hashes]},
    )


def unused_hashes(session: Session, column: str, hashes: Sequence[bytes]) -> list[bytes]:
    """Return those of some patients' or orders' hashes that no ECG has any more."""
    known = getattr(Ecg, column)
    used = set(session.scalars(select(known).where(known.in_(hashes)))) if hashes else set()
    return sorted(set(hashes) - used)


def empty_results(session: Session, quoted: Sequence[str]) -> None:
    """Replace the results of previews that quote one of these ids."""
    session.execute(
        text(
            "UPDATE jobs SET result = CAST(:shown AS jsonb) WHERE kind = 'preview' AND EXISTS "
            "(SELECT FROM unnest(CAST(:quoted AS text[])) q WHERE strpos(result::text, q) > 0)"
        ),
        {"quoted": list(quoted), "shown": json.dumps(SHOWN)},
    )


def end_exports(session: Session) -> list[str]:
    """Take the files from the results of exports, which may hold what was erased; return the folders' keys."""
    ended = session.scalars(
        text(
            "UPDATE jobs SET result = jsonb_set(result, '{files}', '[]') "
            "WHERE kind IN ('export', 'predict') AND state = 'succeeded' AND result -> 'files' <> '[]' RETURNING id"
        )
    )
    return [f"exports/{job_id}" for job_id in ended]


def count(session: Session) -> int:
    """Return how many erasures there were."""
    return session.scalars(select(func.count()).select_from(Erasure)).one()


def mark_held(session: Session, ecg_ids: Sequence[uuid.UUID]) -> Held:
    """Mark what holds some ECGs: datasets, with the models that were trained on them, and discrepancy models."""
    datasets = _mark_holders(session, "datasets", "dataset_ecgs", "dataset_id", ecg_ids=ecg_ids)
    models = sorted(mark_models(session, datasets)) if datasets else []
    learned = _mark_holders(
        session, "discrepancy_models", "discrepancy_model_ecgs", "discrepancy_model_id", ecg_ids=ecg_ids
    )
    return Held(datasets, models, learned)


def _mark_holders(
    session: Session, table: str, ecgs: str, holder: str, *, ecg_ids: Sequence[uuid.UUID]
) -> list[uuid.UUID]:
    """Add to the rows of a table how many of some ECGs they hold; return those that hold any."""
    marked = session.scalars(
        text(
            f"""
            UPDATE {table} d SET holds_erased = holds_erased + held.ecgs
            FROM (SELECT {holder} AS id, count(*) AS ecgs FROM {ecgs} WHERE ecg_id = ANY(:ids) GROUP BY 1) held
            WHERE d.id = held.id RETURNING d.id
            """  # noqa: S608
        ),
        {"ids": list(ecg_ids)},
    )
    return sorted(marked)


def mark_models(session: Session, dataset_ids: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """Mark the models that were trained on some datasets, or go on from such a model; return them."""
    marked = session.scalars(
        text(
            """
            WITH RECURSIVE held (id) AS (
                SELECT m.id FROM models m JOIN jobs j ON j.id = m.job_id
                WHERE m.dataset_id = ANY(:ids) OR j.params ->> 'unlabelled' = ANY(CAST(:ids AS text[]))
                UNION
                SELECT m.id FROM models m JOIN jobs j ON j.id = m.job_id JOIN held
                ON j.params ->> 'start_from' = held.id::text
            )
            UPDATE models SET holds_erased = true FROM held WHERE models.id = held.id RETURNING models.id
            """
        ),
        {"ids": list(dataset_ids)},
    )
    return list(marked)


def delete_later(session: Session, erasure_id: uuid.UUID, keys: Sequence[str]) -> None:
    """Have objects deleted once this transaction is committed."""
    if keys:
        session.execute(insert(ObjectToDelete), [{"key": key, "erasure_id": erasure_id} for key in sorted(keys)])


def objects_to_delete(session: Session, limit: int) -> list[tuple[int, str]]:
    """Return objects that are to be deleted, the oldest first."""
    rows = session.execute(select(ObjectToDelete.id, ObjectToDelete.key).order_by(ObjectToDelete.id).limit(limit))
    return [(number, key) for number, key in rows]


def objects_deleted(session: Session, numbers: Sequence[int]) -> None:
    """Write down that objects are deleted."""
    session.execute(delete(ObjectToDelete).where(ObjectToDelete.id.in_(numbers)))


def by_id(session: Session, erasure_id: uuid.UUID) -> Erasure | None:
    """Return an erasure, or None."""
    return session.get(Erasure, erasure_id)


def newest(session: Session, position: Position | None, limit: int) -> Sequence[Erasure]:
    """Return erasures, newest first, one more than `limit`."""
    return session.scalars(after(select(Erasure), Erasure.created_at, Erasure.id, position, limit=limit)).all()


def is_under_way(session: Session, erasure_id: uuid.UUID) -> bool:
    """Return whether objects of an erasure are still to be deleted."""
    return bool(session.scalar(select(exists().where(ObjectToDelete.erasure_id == erasure_id))))


def lift(session: Session, erasure_id: uuid.UUID, actor: str) -> None:
    """Delete an erasure's tombstones."""
    session.execute(delete(Tombstone).where(Tombstone.erasure_id == erasure_id))
    session.execute(update(Erasure).where(Erasure.id == erasure_id).values(lifted_by=actor, lifted_at=func.now()))


def datasets_of_unknown_ecgs(session: Session) -> list[uuid.UUID]:
    """Return the datasets that were frozen before it was written down which ECGs a dataset holds."""
    return list(session.scalars(text("SELECT id FROM datasets WHERE NOT ecgs_known ORDER BY id")))
