"""SQL of discrepancy models: the pairs they learn from, which one is in use, and what it says of ECGs."""

import uuid
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.discrepancy_models.tables import DiscrepancyModel, DiscrepancyModelEcg, PredictedChange
from app.ecgs.queries import count_absent
from app.ecgs.tables import Ecg
from app.erasures.tables import ObjectToDelete
from app.kit.pagination import Position, after
from app.reports.queries import counts_first
from app.vocabularies.tables import VocabularyRow


class Masks(NamedTuple):
    """What both readings of a pair say."""

    machine_present: int
    machine_uncertain: int
    overread_present: int
    overread_uncertain: int


class PairedEcg(NamedTuple):
    """An ECG with what its pair says."""

    ecg: Ecg
    masks: Masks


def count_pairs(session: Session, slot: int, simulated: bool, most: int) -> int:
    """Count the pairs that can be compared, up to `most`."""
    found = session.scalars(
        text(
            f"SELECT count(*) FROM (SELECT FROM pairs_{slot:d} p JOIN cells c ON c.id = p.cell_id "  # noqa: S608
            "WHERE p.simulated = :simulated AND c.left_out = 0 LIMIT :most) few"
        ),
        {"simulated": simulated, "most": most},
    )
    return int(found.one())


def newest_pairs(session: Session, slot: int, simulated: bool, most: int) -> list[uuid.UUID]:
    """Return the ECGs of the pairs that can be compared, the newest recordings first, at most `most`."""
    found = session.scalars(
        text(
            f"""
            SELECT p.ecg_id FROM pairs_{slot:d} p JOIN cells c ON c.id = p.cell_id
            WHERE p.simulated = :simulated AND c.left_out = 0
            ORDER BY p.recorded_at DESC NULLS LAST, p.ecg_id LIMIT :most
            """  # noqa: S608
        ),
        {"simulated": simulated, "most": most},
    )
    return list(found)


def read(session: Session, slot: int, ecg_ids: Sequence[uuid.UUID]) -> list[PairedEcg]:
    """Return some ECGs with their pairs as they are now; one without a pair any more is left out."""
    masks = {
        ecg_id: Masks(*said)
        for ecg_id, *said in session.execute(
            text(
                f"""
                SELECT p.ecg_id, c.machine_present, c.machine_uncertain, c.overread_present, c.overread_uncertain
                FROM pairs_{slot:d} p JOIN cells c ON c.id = p.cell_id
                WHERE p.ecg_id = ANY(:ids) AND c.left_out = 0
                """  # noqa: S608
            ),
            {"ids": list(ecg_ids)},
        )
    }
    ecgs = {ecg.id: ecg for ecg in session.scalars(select(Ecg).where(Ecg.id.in_(masks)))}
    return [PairedEcg(ecgs[ecg_id], masks[ecg_id]) for ecg_id in ecg_ids if ecg_id in ecgs]


def add_ecgs(session: Session, model_id: uuid.UUID, ecg_ids: Sequence[uuid.UUID]) -> int:
    """Write down whose pairs a discrepancy model holds; return how many of these ECGs were erased meanwhile."""
    session.execute(
        text(
            "INSERT INTO discrepancy_model_ecgs (ecg_id, discrepancy_model_id) "
            "SELECT id, :model FROM unnest(CAST(:ids AS uuid[])) id ORDER BY id"
        ),
        {"model": model_id, "ids": list(ecg_ids)},
    )
    return count_absent(session, ecg_ids)


def by_id(session: Session, model_id: uuid.UUID) -> DiscrepancyModel | None:
    """Return a discrepancy model, or None."""
    return session.get(DiscrepancyModel, model_id)


def newest(session: Session, position: Position | None, limit: int) -> Sequence[DiscrepancyModel]:
    """Return discrepancy models, newest first, one more than `limit`."""
    given = after(select(DiscrepancyModel), DiscrepancyModel.created_at, DiscrepancyModel.id, position, limit=limit)
    return session.scalars(given).all()


def in_use(session: Session, model_id: uuid.UUID, simulated: bool) -> DiscrepancyModel | None:
    """Return the newest discrepancy model for the active vocabulary and this model's logits, or None."""
    active = select(VocabularyRow.id).where(VocabularyRow.state == "active").scalar_subquery()
    return session.scalar(
        select(DiscrepancyModel)
        .where(
            DiscrepancyModel.model_id == model_id,
            DiscrepancyModel.vocabulary_id == active,
            DiscrepancyModel.simulated == simulated,
        )
        .order_by(DiscrepancyModel.created_at.desc(), DiscrepancyModel.id.desc())
        .limit(1)
    )


def with_some(session: Session, model_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Return which of some models have a discrepancy model."""
    return set(session.scalars(_WITH_SOME, {"models": list(model_ids)}))


_WITH_SOME = text("SELECT DISTINCT model_id FROM discrepancy_models WHERE model_id = ANY(CAST(:models AS uuid[]))")


def machine_masks(session: Session, vocabulary_id: uuid.UUID, ecg_id: uuid.UUID) -> tuple[int, int] | None:
    """Return what the machine's report that counts says, present and uncertain; None where there is none to read."""
    found = session.execute(
        text(
            f"""
            SELECT present, uncertain FROM labelings WHERE vocabulary_id = :vocabulary AND stance = 'read'
            AND text_id = (
                SELECT text_id FROM reports r WHERE r.ecg_id = :ecg AND r.source = 'machine' AND r.current
                ORDER BY {counts_first("r")} LIMIT 1
            )
            """  # noqa: S608
        ),
        {"vocabulary": vocabulary_id, "ecg": ecg_id},
    ).first()
    return None if found is None else (found[0], found[1])


def keep_change(session: Session, **values: Any) -> None:
    """Write what a discrepancy model says of an ECG, instead of what it said before; not of one erased meanwhile."""
    known = session.scalar(select(Ecg.id).where(Ecg.id == values["ecg_id"]).with_for_update(key_share=True))
    model = session.scalar(
        select(DiscrepancyModel.id)
        .where(DiscrepancyModel.id == values["discrepancy_model_id"])
        .with_for_update(key_share=True)
    )
    if known is None or model is None:
        return
    row = insert(PredictedChange).values(values)
    key = [PredictedChange.discrepancy_model_id, PredictedChange.ecg_id]
    new = {name: row.excluded[name] for name in values if name not in ("discrepancy_model_id", "ecg_id")}
    session.execute(row.on_conflict_do_update(index_elements=key, set_=new))


def drop(session: Session, model: DiscrepancyModel) -> None:
    """Delete a discrepancy model with all rows of it, and have its folder deleted once this is committed."""
    for table in (PredictedChange, DiscrepancyModelEcg):
        session.execute(delete(table).where(table.discrepancy_model_id == model.id))
    session.delete(model)
    session.add(ObjectToDelete(key=f"discrepancy/{model.id}"))
