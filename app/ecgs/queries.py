"""SQL of ECGs."""

import uuid
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ARRAY, Uuid, any_, bindparam, exists, func, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.ecgs.tables import Ecg
from app.rules.name import RULES


def by_id(session: Session, ecg_id: uuid.UUID) -> Ecg | None:
    """Find an ECG."""
    return session.get(Ecg, ecg_id)


def by_ids(session: Session, ecg_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Ecg]:
    """Return those of some ECGs that are there."""
    found = session.scalars(_BY_IDS, {"ids": list(ecg_ids)}) if ecg_ids else ()
    return {ecg.id: ecg for ecg in found}


_BY_IDS = select(Ecg).where(Ecg.id == any_(bindparam("ids", type_=ARRAY(Uuid))))


def of_patient(session: Session, patient_hash: bytes, *, simulated: bool, limit: int) -> Sequence[Ecg]:
    """List a patient's ECGs, the newest recording first, those of unknown time last."""
    chosen = select(Ecg).where(Ecg.patient_hash == patient_hash, Ecg.simulated == simulated)
    return session.scalars(chosen.order_by(Ecg.recorded_at.desc().nulls_last(), Ecg.id).limit(limit)).all()


def hold(session: Session, ecg_id: uuid.UUID) -> bool:
    """Keep an ECG from being erased until the transaction ends; return whether it is there."""
    locked = select(Ecg.id).where(Ecg.id == ecg_id).with_for_update(read=True, key_share=True)
    return session.scalar(locked) is not None


def hold_with_waveform(session: Session, ecg_id: uuid.UUID) -> bool | None:
    """Keep an ECG from being erased as `hold` does; return whether it has a waveform, None where there is no ECG."""
    return session.scalar(_HOLD_WITH_WAVEFORM, {"id": ecg_id})


_HOLD_WITH_WAVEFORM = (
    select(Ecg.waveform_sha256.is_not(None)).where(Ecg.id == bindparam("id")).with_for_update(read=True, key_share=True)
)


def existing(session: Session, ecg_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Return which of some ECGs are there."""
    return set(session.scalars(select(Ecg.id).where(Ecg.id.in_(ecg_ids))))


def insert_if_absent(session: Session, values: dict[str, Any]) -> Ecg | None:
    """Insert an ECG; None when its waveform or record is there already (also when a request has just put it there)."""
    return session.scalar(insert(Ecg).values(values).on_conflict_do_nothing().returning(Ecg))


def same_ecgs(session: Session, waveform_sha256: str, record: str | None) -> Sequence[Ecg]:
    """Return the ECGs of a waveform and of a record, and lock them."""
    same = Ecg.waveform_sha256 == waveform_sha256
    if record is not None:
        same = or_(same, Ecg.record == record)
    return session.scalars(select(Ecg).where(same).order_by(Ecg.id).with_for_update(key_share=True)).all()


def has_record(session: Session, record: str) -> bool:
    """Return whether there is an ECG of this record."""
    return bool(session.scalar(select(exists().where(Ecg.record == record))))


def holds_real(session: Session) -> bool:
    """Return whether there is a real ECG."""
    return bool(session.scalar(select(exists().where(~Ecg.simulated))))


def holds_only_simulated(session: Session) -> bool:
    """Return whether there are simulated ECGs and no real one."""
    return bool(session.scalar(select(Ecg.simulated).order_by(Ecg.simulated).limit(1)))


def holds_name(session: Session, attribute: str, name: str, *, simulated: bool) -> bool:
    """Return whether a real, or simulated, ECG has this site, device, device software or reading by rules."""
    if attribute == "device_software" and name.startswith(RULES):
        paired = "SELECT EXISTS (SELECT FROM attribute_values WHERE attribute = 'device_software' AND value = :name)"
        return bool(session.execute(text(paired), {"name": name}).scalar_one())
    with_name = exists().where(getattr(Ecg, attribute) == name, Ecg.simulated == simulated)
    return bool(session.scalar(select(with_name)))


def has_overread_by(session: Session, reader: str) -> bool:
    """Return whether a current over-read is by this reader."""
    found = "SELECT EXISTS (SELECT FROM reports WHERE current AND source = 'overread' AND reader <> '' AND reader = :r)"
    return bool(session.execute(text(found), {"r": reader}).scalar_one())


def total(session: Session) -> int:
    """Count the ECGs."""
    return session.scalar(select(func.count()).select_from(Ecg)) or 0


def count_absent(session: Session, ecg_ids: Sequence[uuid.UUID]) -> int:
    """Return how many of these ECGs there are not, or no longer."""
    absent = session.execute(
        text(
            "SELECT count(*) FROM unnest(CAST(:ids AS uuid[])) given (id) "
            "WHERE NOT EXISTS (SELECT FROM ecgs WHERE ecgs.id = given.id)"
        ),
        {"ids": list(ecg_ids)},
    )
    return int(absent.scalar_one())
