"""The way of an upload: files → Recording → object store → row → readings, in one transaction."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from sqlalchemy.orm import Session

from app.disagreement.queries import refresh_pair
from app.ecgs import queries
from app.ecgs.patients import PatientHasher
from app.ecgs.schemas import EcgMetadata, EcgOut, EcgSummary
from app.ecgs.tables import Ecg
from app.kit import audit
from app.kit.problems import FieldError, Problem, not_found
from app.kit.state import from_app
from app.kit.store import DamagedObject, ObjectFault, ObjectStore
from app.reports import service as reports
from app.reports.schemas import ReportIn
from app.vocabularies.service import ReadingRules
from ml import formats
from ml.formats import waveform
from ml.signals import check_usable


@dataclass(frozen=True)
class Archive:
    """Where ECGs are kept besides the database."""

    store: ObjectStore
    hash_patient: PatientHasher

    def waveform(self, ecg: Ecg) -> formats.Recording:
        """Return an ECG's waveform; a 404 where only its reports are known.

        Raises `MissingObject` or `DamagedObject`: the waveform's digest is computed again each time.
        """
        if ecg.waveform_sha256 is None:
            raise _no_waveform()
        key = _object_key(ecg.waveform_sha256)
        try:
            return waveform.decode(self.store.get(key), ecg.waveform_sha256)
        except waveform.CorruptWaveform as error:
            raise DamagedObject(key, f"the stored waveform is damaged ({error})") from error


ArchiveDep = Annotated[Archive, from_app("archive")]


class Uploaded(NamedTuple):
    """The ECG as it is now stored, and whether this upload brought it."""

    ecg: EcgOut
    is_new: bool


def read_recording(files: Mapping[str, bytes]) -> formats.Recording:
    """Read an upload's files; a 422 with every reason when they hold no usable 12-lead ECG."""
    try:
        recording = formats.read(files)
    except formats.Unreadable as error:
        raise _unusable(error.reasons) from error
    if reasons := check_usable(recording.millivolts(), recording.sampling_rate_hz):
        raise _unusable(reasons)
    return recording


def upload(
    session: Session,
    archive: Archive,
    rules: Sequence[ReadingRules],
    actor: str,
    recording: formats.Recording,
    metadata: EcgMetadata,
    readings: Sequence[ReportIn],
) -> Uploaded:
    """Store a recording with its readings.

    The object is durable before the row commits: a crash leaves an object nobody speaks of, never a row
    without its waveform. The same waveform again is the same ECG: what was not known of it is filled in,
    what differs is named and left as it was. A waveform whose record is known by its readings alone joins them.
    """
    digest = waveform.digest(recording)
    archive.store.put(_object_key(digest), waveform.encode(recording))
    known = {
        "waveform_sha256": digest,
        "samples": recording.samples.shape[1],
        "sampling_rate_hz": recording.sampling_rate_hz,
        **metadata.model_dump(exclude={"patient_id"}),
        "patient_hash": archive.hash_patient(metadata.patient_id) if metadata.patient_id else None,
    }
    is_new = queries.insert_if_absent(session, {"id": uuid.uuid4(), **known})
    ecg = queries.by_digest(session, digest) or _of_record(session, metadata.record)
    conflicts: list[str] = []
    if is_new:
        after: dict[str, Any] = {"waveform_sha256": digest, "simulated": metadata.simulated}
        audit.record(session, actor, "create", "ecg", ecg.id, after=after)
    else:
        conflicts = _fill_in(session, actor, ecg, known)
    reports.store_texts(session, readings)
    reports.read_texts(session, rules, readings)
    for reading in readings:
        reports.add(session, actor, rules, ecg.id, reading)
    return Uploaded(outside_with_reports(session, ecg, conflicts), is_new)


def get(session: Session, ecg_id: uuid.UUID) -> Ecg:
    """Find an ECG or answer 404."""
    ecg = queries.by_id(session, ecg_id)
    if ecg is None:
        raise not_found("ECG")
    return ecg


def outside(ecg: Ecg) -> EcgSummary:
    """Show a stored ECG."""
    return EcgSummary(**_shown(ecg))


def outside_with_reports(session: Session, ecg: Ecg, conflicts: Sequence[str] = ()) -> EcgOut:
    """Show a stored ECG with its current readings."""
    current = reports.of_ecg(session, ecg.id, only_current=True)
    return EcgOut(**_shown(ecg), reports=current, conflicts=list(conflicts))


def duration_s(ecg: Ecg) -> float:
    """Return how long an ECG's waveform is; a 404 where only its reports are known."""
    if ecg.samples is None or ecg.sampling_rate_hz is None:
        raise _no_waveform()
    return ecg.samples / ecg.sampling_rate_hz


def record_fault(session: Session, actor: str, ecg_id: uuid.UUID, fault: ObjectFault) -> None:
    """Write into the audit log that an ECG's object is missing or damaged, and who found out."""
    audit.record(session, actor, fault.code, "ecg", ecg_id, after={"object": fault.key})


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
        "age": ecg.age,
        "sex": ecg.sex,
        "simulated": ecg.simulated,
        "created_at": ecg.created_at,
    }


def _of_record(session: Session, record: str | None) -> Ecg:
    """Find the ECG of which only readings are known; raise a 409 where its record has another waveform."""
    ecg = queries.by_record(session, record) if record is not None else None
    assert ecg is not None
    if ecg.waveform_sha256 is not None:
        reason = "another waveform is stored under this record"
        raise Problem(409, "record_taken", reason, [FieldError(field="metadata.record", code="taken", reason=reason)])
    return ecg


def _fill_in(session: Session, actor: str, ecg: Ecg, known: Mapping[str, Any]) -> list[str]:
    conflicts: list[str] = []
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for name, value in known.items():
        stored = getattr(ecg, name)
        if _says_nothing(name, value) or value == stored:
            continue
        shown = "patient_id" if name == "patient_hash" else name
        if _says_nothing(name, stored) and not (name == "record" and queries.has_record(session, value)):
            before[shown], after[shown] = None, _audited(value)
            setattr(ecg, name, value)
        else:
            conflicts.append(shown)
    if after:
        session.flush()
        refresh_pair(session, ecg.id)
        audit.record(session, actor, "update", "ecg", ecg.id, before, after)
    return conflicts


def _says_nothing(name: str, value: Any) -> bool:
    return value is None or (name == "sex" and value == "unknown") or (name == "simulated" and value is False)


def _audited(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


def _unusable(reasons: Sequence[formats.Reason]) -> Problem:
    errors = [FieldError(field="file", code=reason.code, reason=reason.detail) for reason in reasons]
    detail = "No usable 12-lead ECG: " + "; ".join(reason.detail for reason in reasons)
    return Problem(422, "unusable_ecg", detail, errors)


def _object_key(digest: str) -> str:
    return f"waveforms/{digest}"
