"""What a DICOM ECG says besides the signal: facts, measurements, and the statements of its annotations."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ml.formats.ecg_file import Facts, Measurements, Reading
from ml.formats.written import (
    age_at,
    age_years,
    axis,
    date_of,
    heart_rate,
    identifier,
    interval_ms,
    sex,
    timestamp,
)

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_AGE = re.compile(r"(\d{3})([DWMY])", re.ASCII)
_AGE_UNITS = {"D": "days", "W": "weeks", "M": "months", "Y": "years"}
OURS = "99OVERREAD"
"""The scheme of our own codes: what we write (`ml.interchange`) says who read, and whether there was a patient."""
KIND = ("kind", "Kind of recording")
SIMULATED = ("simulated", "Simulated: no patient")
SOURCE = ("source", "Source of the reading")

_UNITS = {"ms", "deg", "bpm", "{beats}/min", "/min", "{h.b.}/min"}


def facts_of(dataset: "Dataset") -> Facts:
    """Return what the file says of the recording."""
    zone = _text(dataset, "TimezoneOffsetFromUTC") or ""
    acquired = _text(dataset, "AcquisitionDateTime")
    studied = f"{_text(dataset, 'StudyDate') or ''}{_text(dataset, 'StudyTime') or ''}"
    at = timestamp(_with_zone(acquired or studied, zone))
    return Facts(
        recorded_at=at,
        site=_text(dataset, "InstitutionName"),
        location=_text(dataset, "CurrentPatientLocation") or _text(dataset, "InstitutionalDepartmentName"),
        device=_text(dataset, "ManufacturerModelName"),
        device_software=_text(dataset, "SoftwareVersions"),
        age=_age(dataset) or age_at(at.date() if at else None, date_of(_text(dataset, "PatientBirthDate"), None)),
        sex=sex(_text(dataset, "PatientSex")),
        patient_id=identifier(_text(dataset, "PatientID")),
        order_id=identifier(_text(dataset, "AccessionNumber")),
        simulated=True if SIMULATED[0] in _ours(dataset, KIND[0]).values() else None,
        measurements=_measurements(dataset),
    )


def readings_of(dataset: "Dataset") -> tuple[Reading, ...]:
    """Return the text of the annotations as the machine's reading, unless the file names a physician who read it.

    An annotation does not say who made it; the object is made by the device. Files that we wrote do say it: only their
    machine's reading is one, an over-read comes in by its own service.
    """
    if _text(dataset, "NameOfPhysiciansReadingStudy"):
        return ()
    overread = {group for group, source in _ours(dataset, SOURCE[0]).items() if source != "machine"}
    lines = [
        _text(each, "UnformattedTextValue")
        for each in _annotations(dataset)
        if _text(each, "AnnotationGroupNumber") not in overread
    ]
    text = "\n".join(filter(None, lines))
    return (Reading(source="machine", text=text),) if text else ()


def _ours(dataset: "Dataset", concept: str) -> dict[str | None, str | None]:
    """Return what files that we wrote say of a concept, by group of annotations."""
    found: dict[str | None, str | None] = {}
    for each in _annotations(dataset):
        [name, *_] = each.get("ConceptNameCodeSequence") or [{}]
        [code, *_] = each.get("ConceptCodeSequence") or [{}]
        if (str(name.get("CodingSchemeDesignator")), str(name.get("CodeValue"))) == (OURS, concept):
            found[_text(each, "AnnotationGroupNumber")] = str(code.get("CodeValue"))
    return found


def _measurements(dataset: "Dataset") -> Measurements:
    """Return what the annotations measure of the whole recording: a value that differs from beat to beat is none."""
    found: dict[str, set[str]] = {}
    for each in _annotations(dataset):
        [concept, *_] = each.get("ConceptNameCodeSequence") or [{}]
        [unit, *_] = each.get("MeasurementUnitsCodeSequence") or [{}]
        if (value := _text(each, "NumericValue")) is not None and str(unit.get("CodeValue")) in _UNITS:
            meaning = str(concept.get("CodeMeaning") or "").lower().removesuffix(" global")
            found.setdefault(meaning, set()).add(value)

    def only(*meanings: str) -> str | None:
        values = {value for meaning in meanings for value in found.get(meaning, ())}
        return values.pop() if len(values) == 1 else None

    return Measurements(
        heart_rate=heart_rate(only("ventricular heart rate", "ventricular rate", "heart rate")),
        pr_ms=interval_ms(only("pr interval")),
        qrs_ms=interval_ms(only("qrs duration")),
        qt_ms=interval_ms(only("qt interval")),
        qtc_ms=interval_ms(only("qtc interval")),
        p_axis=axis(only("p axis")),
        qrs_axis=axis(only("qrs axis")),
        t_axis=axis(only("t axis")),
    )


def _annotations(dataset: "Dataset") -> Iterator["Dataset"]:
    yield from dataset.get("WaveformAnnotationSequence") or ()


def _age(dataset: "Dataset") -> float | None:
    found = _AGE.fullmatch(_text(dataset, "PatientAge") or "")
    return age_years(found[1], _AGE_UNITS[found[2]]) if found else None


def _with_zone(text: str, zone: str) -> str:
    return text if "+" in text or "-" in text else text + zone


def _text(dataset: "Dataset", keyword: str) -> str | None:
    """Return a value as text, several of them with a comma between; None where there is none."""
    value = dataset.get(keyword)
    if value is None:
        return None
    values = value if isinstance(value, list) else [value]
    return ", ".join(filter(None, (" ".join(str(each).split()) for each in values))) or None
