"""From an ECG's rows to what goes out."""

from sqlalchemy.orm import Session

from app.ecgs.tables import Ecg
from app.reports import service as reports
from app.reports.schemas import ReportOut
from app.vocabularies.service import Labelers
from ml.formats.ecg_file import Facts, Measurements
from ml.interchange import CODED, Outgoing, OutgoingReading, Result
from ml.interchange.outgoing import results_of
from ml.labeling.findings import Code


def outgoing(session: Session, labelers: Labelers, ecg: Ecg) -> Outgoing:
    """Return an ECG with its current readings. Neither its record's name nor its order's number goes out."""
    vocabulary = labelers.active(session).vocabulary
    names = {label.key: label.name for label in vocabulary.labels}
    return Outgoing(
        id=ecg.id,
        waveform_sha256=ecg.waveform_sha256,
        stored_at=ecg.created_at,
        facts=_facts(ecg),
        vocabulary=vocabulary.version,
        readings=[_reading(each, names) for each in reports.of_ecg(session, ecg.id, only_current=True)],
    )


def _facts(ecg: Ecg) -> Facts:
    return Facts(
        recorded_at=ecg.recorded_at,
        device=ecg.device,
        device_software=ecg.device_software,
        age=ecg.age,
        sex="male" if ecg.sex == "male" else "female" if ecg.sex == "female" else None,
        patient_hash=ecg.patient_hash.hex() if ecg.patient_hash is not None else None,
        simulated=ecg.simulated,
        measurements=Measurements(**{name: getattr(ecg, name) for name in CODED}),
    )


def _reading(report: ReportOut, names: dict[str, str]) -> OutgoingReading:
    mentions = [Result(each.label, names.get(each.label, each.label), each.status) for each in report.findings]
    return OutgoingReading(
        id=report.id,
        source=report.source,
        text=report.text,
        reader=report.reader,
        version=report.version,
        at=report.authored_at or report.created_at,
        blinded=report.blinded,
        validated=report.validated,
        results=results_of(mentions),
        codes=[Code(each.system, each.code, each.certainty) for each in report.codes or ()],
    )
