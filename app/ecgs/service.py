"""Uploads: files → Recording → object store → ECG and report rows, in one transaction."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, Self

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.disagreement.pairs.queries import refresh_pairs
from app.ecgs import queries
from app.ecgs.measurements import MeasurementsIn, MeasurementsOut
from app.ecgs.patients import PatientHasher
from app.ecgs.patients.service import check_not_guessing, record_miss
from app.ecgs.schemas import EcgMetadata, EcgOut, EcgSummary
from app.ecgs.tables import Ecg
from app.erasures.tombstones.service import Erased, Known, is_erased
from app.kit import audit
from app.kit.problems import FieldError, Problem, not_found
from app.kit.state import from_app
from app.kit.store import DamagedObject, ObjectFault, ObjectStore, open_store
from app.reports import service as reports
from app.reports.schemas import ReportIn
from app.settings import Settings
from app.vocabularies.service import ReadingRules
from ml import formats
from ml.formats import waveform
from ml.signals import check_usable

_HASHED = {"patient_hash": "patient_id", "order_hash": "order_id"}
"""Columns of hashes, and the fields whose values they stand for."""


@dataclass(frozen=True)
class Archive:
    """Where ECGs are kept besides the database."""

    store: ObjectStore
    hash_patient: PatientHasher

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the archive of a deployment."""
        return cls(open_store(settings), PatientHasher(settings))

    def waveform(self, ecg: Ecg) -> formats.Recording:
        """Return an ECG's waveform; a 404 where only its reports are known.

        Raises `MissingObject` or `DamagedObject`: the waveform's digest is computed again each time.
        """
        if ecg.waveform_sha256 is None:
            raise _no_waveform()
        key = object_key(ecg.waveform_sha256)
        try:
            return waveform.decode(self.store.get(key), ecg.waveform_sha256)
        except waveform.CorruptWaveform as error:
            raise DamagedObject(key, f"the stored waveform is damaged ({error})") from error


ArchiveDep = Annotated[Archive, from_app("archive")]


class Kept(NamedTuple):
    """A waveform in the object store, as its ECG's row describes it."""

    waveform_sha256: str
    samples: int
    sampling_rate_hz: float


def keep(archive: Archive, recording: formats.Recording) -> Kept:
    """Store a waveform durably. Nobody finds it before an ECG's row names it.

    It comes before the transaction that writes the row: a connection does not wait for the object store, and a crash
    leaves an object that no row names, never a row without its waveform.
    """
    digest = waveform.digest(recording)
    archive.store.put(object_key(digest), waveform.encode(recording))
    return Kept(digest, recording.samples.shape[1], recording.sampling_rate_hz)


class Uploaded(NamedTuple):
    """The ECG as it is now stored, and whether it is new."""

    ecg: EcgOut
    is_new: bool


def read_usable(files: Mapping[str, bytes]) -> formats.EcgFile:
    """Return what an upload's files hold; raise a 422 with every reason where there is no usable 12-lead ECG."""
    try:
        file = formats.read(files)
    except formats.Unreadable as error:
        raise _unusable(error.reasons) from error
    if reasons := check_usable(file.recording.millivolts(), file.recording.sampling_rate_hz):
        raise _unusable(reasons)
    return file


def upload(
    session: Session,
    archive: Archive,
    rules: Sequence[ReadingRules],
    actor: str,
    *,
    kept: Kept,
    metadata: EcgMetadata,
    readings: Sequence[ReportIn],
) -> Uploaded:
    """Store the ECG of a waveform that was kept, with its reports.

    The same waveform again is the same ECG, and so is the ECG that came without a waveform under the same
    `record`: what was not known of it is filled in, what differs is named and left as it was. Raises the 409 of a
    record that another waveform has, and of an ECG that was erased. The caller holds the list of vocabularies.
    """
    known = known_of(metadata, archive.hash_patient)
    patient = known["patient_hash"]
    same = Known(kept.waveform_sha256, metadata.record, patient.hex() if patient is not None else None)
    if is_erased(session, archive.hash_patient, same):
        raise Erased
    signal = kept._asdict()
    ecg = queries.insert_if_absent(session, {"id": uuid.uuid4(), **signal, **known})
    is_new = ecg is not None
    filled = Filled()
    if ecg is None:
        ecg = _same_ecg(session, kept.waveform_sha256, metadata.record)
        given = known["patient_hash"]
        if given is not None and ecg.patient_hash is not None:
            check_not_guessing(session, actor)
        filled = _fill_in(session, ecg, {**signal, **known})
        if "patient_id" in filled.conflicts:
            record_miss(session, actor, given, ecg_id=ecg.id)
    with session.no_autoflush:  # the audit entries are written at once
        if is_new:
            after = {"simulated": False, **_facts({**signal, **known})}
            audit.record(session, actor, "create", "ecg", resource_id=ecg.id, after=after)
        elif filled.after:
            audit.record(
                session,
                actor,
                "update",
                "ecg",
                resource_id=ecg.id,
                before=dict.fromkeys(filled.after),
                after=filled.after,
            )
        stored = reports.store(session, actor, rules, ecg.id, readings=readings)
        if filled.after or any(each.is_new or each.is_filled for each in stored):
            refresh_pairs(session, ecg.id, [each.id for each in rules])
    return Uploaded(outside_with_reports(session, ecg, filled.conflicts), is_new)


def known_of(metadata: EcgMetadata, hash_patient: PatientHasher) -> dict[str, Any]:
    """Return metadata by column of `ecgs`: numbers of patient and order as hashes."""
    known = metadata.model_dump(exclude={"patient_id", "order_id", "measurements"})
    known |= metadata.measurements.model_dump()
    known["patient_hash"] = hash_patient(metadata.patient_id) if metadata.patient_id else None
    known["order_hash"] = hash_patient.order(metadata.order_id) if metadata.order_id else None
    return known


def _same_ecg(session: Session, digest: str, record: str | None) -> Ecg:
    """Return the ECG of a waveform, else the one of a record that has no waveform yet; both are locked."""
    found = queries.same_ecgs(session, digest, record)
    same = next((ecg for ecg in found if ecg.waveform_sha256 == digest), None)
    same = same or next((ecg for ecg in found if ecg.waveform_sha256 is None), None)
    if same is None:
        reason = "another waveform is stored under this record"
        raise Problem(409, "record_taken", reason, [FieldError(field="metadata.record", code="taken", reason=reason)])
    return same


def get(session: Session, ecg_id: uuid.UUID) -> Ecg:
    """Return an ECG; raise a 404 where there is none."""
    ecg = queries.by_id(session, ecg_id)
    if ecg is None:
        raise not_found("ECG")
    return ecg


def outside(ecg: Ecg) -> EcgSummary:
    """Show a stored ECG."""
    return EcgSummary(**_shown(ecg))


def outside_with_reports(session: Session, ecg: Ecg, conflicts: Sequence[str] = ()) -> EcgOut:
    """Show a stored ECG with its current reports."""
    current = reports.of_ecg(session, ecg.id, only_current=True)
    return EcgOut(**_shown(ecg), reports=current, conflicts=list(conflicts))


def duration_s(ecg: Ecg) -> float:
    """Return how long an ECG's waveform is; a 404 where only its reports are known."""
    if ecg.samples is None or ecg.sampling_rate_hz is None:
        raise _no_waveform()
    return ecg.samples / ecg.sampling_rate_hz


def record_fault(session: Session, actor: str, ecg_id: uuid.UUID, fault: ObjectFault) -> None:
    """Write into the audit log that an ECG's object is missing or damaged, and who found out.

    Not of an ECG that was erased meanwhile: the object's key is its waveform's digest.
    """
    if queries.hold(session, ecg_id):
        audit.record(session, actor, fault.code, "ecg", resource_id=ecg_id, after={"object": fault.key})


def _no_waveform() -> Problem:
    return Problem(404, "no_waveform", "This ECG has no waveform: only its reports are known.")


def _shown(ecg: Ecg) -> dict[str, Any]:
    return {
        "id": ecg.id,
        "record": ecg.record,
        "waveform_sha256": ecg.waveform_sha256,
        "samples": ecg.samples,
        "sampling_rate_hz": ecg.sampling_rate_hz,
        "duration_s": ecg.samples / ecg.sampling_rate_hz if ecg.samples and ecg.sampling_rate_hz else None,
        "patient": ecg.patient_hash.hex() if ecg.patient_hash is not None else None,
        "recorded_at": ecg.recorded_at,
        "site": ecg.site,
        "device": ecg.device,
        "device_software": ecg.device_software,
        "location": ecg.location,
        "order": ecg.order_hash.hex() if ecg.order_hash is not None else None,
        "measurements": device_measurements(ecg),
        "age": ecg.age,
        "sex": ecg.sex,
        "fold": ecg.fold,
        "simulated": ecg.simulated,
        "created_at": ecg.created_at,
    }


def device_measurements(ecg: Ecg) -> MeasurementsOut | None:
    """Return what the device measured, None where it says nothing."""
    measured = {name: getattr(ecg, name) for name in MeasurementsIn.model_fields}
    if all(value is None for value in measured.values()):
        return None
    return MeasurementsOut.model_construct(**measured, by="device")


class Filled(NamedTuple):
    """The fields of an ECG that were filled in, as the audit log shows them, and those that differ from the stored."""

    after: dict[str, Any] = {}  # noqa: RUF012 (never changed)
    conflicts: Sequence[str] = ()


def _fill_in(session: Session, ecg: Ecg, known: Mapping[str, Any]) -> Filled:
    """Fill in the missing fields of an ECG. A record that another ECG has is a conflict, too."""
    conflicts: list[str] = []
    after: dict[str, Any] = {}
    for name, value in known.items():
        stored = getattr(ecg, name)
        if _says_nothing(name, value) or value == stored:
            continue
        shown = _HASHED.get(name, name)
        if _says_nothing(name, stored) and not (name == "record" and queries.has_record(session, value)):
            after[shown] = _audited(value)
            setattr(ecg, name, value)
        else:
            conflicts.append(shown)
    try:
        session.flush()
    except IntegrityError as error:
        raise Problem(
            409, "stored_meanwhile", "Another upload of this waveform or record was faster; send it again."
        ) from error
    return Filled(after, conflicts)


def _facts(known: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of an ECG, as the audit log has it."""
    shown = {_HASHED.get(name, name): value for name, value in known.items()}
    return {name: _audited(value) for name, value in shown.items() if not _says_nothing(name, value)}


def _says_nothing(name: str, value: Any) -> bool:
    return value is None or (name == "sex" and value == "unknown") or (name == "simulated" and value is False)


def _audited(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


def _unusable(reasons: Sequence[formats.Reason]) -> Problem:
    errors = [FieldError(field="file", code=reason.code, reason=reason.detail) for reason in reasons]
    detail = "No usable 12-lead ECG: " + "; ".join(reason.detail for reason in reasons)
    return Problem(422, "unusable_ecg", detail, errors)


def object_key(digest: str) -> str:
    """Return the key of a waveform's object."""
    return f"waveforms/{digest}"
