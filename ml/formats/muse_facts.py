"""What a GE MUSE XML file says besides the signal: facts, and the readings of the machine and of the over-reader."""

from datetime import datetime
from xml.etree.ElementTree import Element

from ml.formats.ecg_file import Facts, Measurements, Reading
from ml.formats.muse_statements import Fragment, report_text
from ml.formats.written import (
    DateOrder,
    age_years,
    axis,
    date_of,
    date_order,
    heart_rate,
    identifier,
    interval_ms,
    moment,
    sex,
    time_of,
)
from ml.formats.xml_tree import said

_STATEMENTS = ("DiagnosisStatement", "Statement")
_TYPED_BY_A_PERSON = "USERINSERT"
_ORDER_NUMBERS = ("Order/OrderNumber", "Order/HISOrderNumber", "Order/RequisitionNumber")  # as seen in public files
_DATES = ("TestDemographics/AcquisitionDate", "TestDemographics/EditDate", "PatientDemographics/DateofBirth")


def facts_of(root: Element) -> Facts:
    """Return what the file says of the recording.

    `device_software` is the version of the analysis program, which made the statements; where it is not given, the
    cart's. The device's measurements are the original ones, before anybody edited them. QTc has no formula: the file
    names none.
    """
    test, patient = root.find("TestDemographics"), root.find("PatientDemographics")
    return Facts(
        recorded_at=_moment(root, "Acquisition"),
        site=said(test, "SiteName") or said(test, "Site"),
        location=said(test, "LocationName") or said(test, "Location"),
        device=said(test, "AcquisitionDevice"),
        device_software=said(test, "AnalysisSoftwareVersion") or said(test, "AcquisitionSoftwareVersion"),
        age=age_years(said(patient, "PatientAge"), said(patient, "AgeUnits") or "years"),
        sex=sex(said(patient, "Gender")),
        patient_id=identifier(said(patient, "PatientID")),
        order_id=next(filter(None, (identifier(said(root, path)) for path in _ORDER_NUMBERS)), None),
        measurements=_measurements(root),
    )


def readings_of(root: Element) -> tuple[Reading, ...]:
    """Return the readings that the file attributes to the machine or to a person.

    `OriginalDiagnosis` is the machine's. `Diagnosis` is an over-read where the test is confirmed, or where a person
    typed one of its statements; that over-reader saw the machine's statements. Any other `Diagnosis` is the machine's,
    which also adds comparisons with earlier ECGs to it.
    """
    original, edited = root.find("OriginalDiagnosis"), root.find("Diagnosis")
    status = said(root, "TestDemographics/Status") or said(root, "TestDemographics/EditListStatus") or ""
    confirmed = status.lower() == "confirmed"
    machine, latest = _text(original), _text(edited)
    readings = []
    by_a_person = bool(latest) and (confirmed or _typed(edited))
    if machine or (latest and not by_a_person):
        readings.append(Reading(source="machine", text=machine or latest))
    if by_a_person:
        readings.append(
            Reading(
                source="overread",
                text=latest,
                reader=_person(root, "Overreader") or _person(root, "Editor"),
                authored_at=_moment(root, "Edit"),
                blinded="no" if machine else "unknown",
                validated="yes" if confirmed else "no",
            )
        )
    return tuple(readings)


def _measurements(root: Element) -> Measurements:
    original = root.find("OriginalRestingECGMeasurements")
    measured = original if original is not None and len(original) else root.find("RestingECGMeasurements")
    return Measurements(
        heart_rate=heart_rate(said(measured, "VentricularRate")),
        pr_ms=interval_ms(said(measured, "PRInterval")),
        qrs_ms=interval_ms(said(measured, "QRSDuration")),
        qt_ms=interval_ms(said(measured, "QTInterval")),
        qtc_ms=interval_ms(said(measured, "QTCorrected")),
        p_axis=axis(said(measured, "PAxis")),
        qrs_axis=axis(said(measured, "RAxis")),
        t_axis=axis(said(measured, "TAxis")),
    )


def _moment(root: Element, what: str) -> datetime | None:
    """Return when the test was acquired or edited: MM-DD-YYYY, unless a date of the file shows another order."""
    order: DateOrder | None = date_order((said(root, path) for path in _DATES), usual="month first")
    day = date_of(said(root, f"TestDemographics/{what}Date"), order)
    return moment(day, time_of(said(root, f"TestDemographics/{what}Time")))


def _text(diagnosis: Element | None) -> str:
    return report_text(_fragments(diagnosis))


def _typed(diagnosis: Element | None) -> bool:
    return any(_TYPED_BY_A_PERSON in fragment.flags for fragment in _fragments(diagnosis))


def _fragments(diagnosis: Element | None) -> list[Fragment]:
    if diagnosis is None:
        return []
    return [
        Fragment(said(each, "StmtText") or "", {(flag.text or "").strip().upper() for flag in each.findall("StmtFlag")})
        for each in diagnosis
        if each.tag in _STATEMENTS
    ]


def _person(root: Element, role: str) -> str | None:
    """Return a person's name as the file writes it, or the person's number where it gives no name."""
    names = (said(root, f"TestDemographics/{role}{part}Name") for part in ("Last", "First"))
    return ", ".join(filter(None, names)) or said(root, f"TestDemographics/{role}ID")
