"""What a DICOM ECG says besides the signal: facts, measurements, and the statements of its annotations."""

import re

from ml.formats.dicom_elements import Item, Tag
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

_AGE = re.compile(r"(\d{3})([DWMY])", re.ASCII)
_AGE_UNITS = {"D": "days", "W": "weeks", "M": "months", "Y": "years"}
OURS = "99OVERREAD"
"""The scheme of our own codes: what we write (`ml.interchange`) says who read, and whether there was a patient."""
KIND = ("kind", "Kind of recording")
SIMULATED = ("simulated", "Simulated: no patient")
SOURCE = ("source", "Source of the reading")

_UNITS = {"ms", "deg", "bpm", "{beats}/min", "/min", "{h.b.}/min"}


def facts_of(file: Item) -> Facts:
    """Return what the file says of the recording."""
    studied = file.text(Tag.STUDY_DATE) + file.text(Tag.STUDY_TIME)
    at = timestamp(_with_zone(file.text(Tag.ACQUISITION_TIME) or studied, file.text(Tag.TIME_ZONE)))
    return Facts(
        recorded_at=at,
        site=file.text(Tag.INSTITUTION) or None,
        location=file.text(Tag.PATIENT_LOCATION) or file.text(Tag.DEPARTMENT) or None,
        device=file.text(Tag.MODEL) or None,
        device_software=file.text(Tag.SOFTWARE) or None,
        age=_age(file) or age_at(at.date() if at else None, date_of(file.text(Tag.BORN), None)),
        sex=sex(file.text(Tag.SEX)),
        patient_id=identifier(file.text(Tag.PATIENT_ID)),
        order_id=identifier(file.text(Tag.ACCESSION_NUMBER)),
        simulated=True if SIMULATED[0] in _ours(file, KIND[0]).values() else None,
        measurements=_measurements(file),
    )


def readings_of(file: Item) -> tuple[Reading, ...]:
    """Return the text of the annotations as the machine's reading, unless the file names a physician who read it.

    An annotation does not say who made it; the object is made by the device. Files that we wrote do say it: only their
    machine's reading is one, an over-read comes in by its own service.
    """
    if file.text(Tag.READ_BY):
        return ()
    overread = {group for group, source in _ours(file, SOURCE[0]).items() if source != "machine"}
    annotations = file.items(Tag.ANNOTATIONS)
    lines = [each.text(Tag.TEXT) for each in annotations if each.integer(Tag.ANNOTATION_GROUP) not in overread]
    text = "\n".join(filter(None, lines))
    return (Reading(source="machine", text=text),) if text else ()


def _ours(file: Item, concept: str) -> dict[int | None, str]:
    """Return what files that we wrote say of a concept, by group of annotations."""
    found: dict[int | None, str] = {}
    for each in file.items(Tag.ANNOTATIONS):
        name = each.first(Tag.CONCEPT)
        if name.text(Tag.SCHEME) == OURS and name.text(Tag.CODE) == concept:
            found[each.integer(Tag.ANNOTATION_GROUP)] = each.first(Tag.CONCEPT_CODE).text(Tag.CODE)
    return found


def _measurements(file: Item) -> Measurements:
    """Return what the annotations measure of the whole recording: a value that differs from beat to beat is none."""
    found: dict[str, set[str]] = {}
    for each in file.items(Tag.ANNOTATIONS):
        if (value := each.text(Tag.NUMBER)) and each.first(Tag.UNITS).text(Tag.CODE) in _UNITS:
            meaning = each.first(Tag.CONCEPT).text(Tag.MEANING).lower().removesuffix(" global")
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


def _age(file: Item) -> float | None:
    found = _AGE.fullmatch(file.text(Tag.AGE))
    return age_years(found[1], _AGE_UNITS[found[2]]) if found else None


def _with_zone(text: str, zone: str) -> str:
    return text if "+" in text or "-" in text else text + zone
