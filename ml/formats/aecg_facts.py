"""What an HL7 annotated ECG says besides the signal: facts, measurements, and the statements of its annotations."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple
from xml.etree.ElementTree import Element

from ml.formats.ecg_file import Facts, Measurements, Reading, Source
from ml.formats.written import age_at, age_years, axis, date_of, heart_rate, identifier, interval_ms, sex, timestamp
from ml.formats.xml_tree import said

_UNITS = {"a": "years", "mo": "months", "wk": "weeks", "d": "days", "h": "hours"}  # UCUM
_REPORTED_AGE = "21612-7"  # LOINC
_SUBJECT = "componentOf/timepointEvent/componentOf/subjectAssignment"
_STATEMENT = "MDC_ECG_INTERPRETATION_STATEMENT"


class _Set(NamedTuple):
    """A set of annotations: who made it, when, and its annotations by code, those within others too."""

    source: Source
    reader: str | None
    at: datetime | None
    annotations: list[tuple[str, Element]]


def facts_of(root: Element, series: Element) -> Facts:
    """Return what the file says of the recording. A time without an offset is local."""
    device = series.find("author/seriesAuthor/manufacturedSeriesDevice")
    subject = root.find(f"{_SUBJECT}/subject/trialSubject")
    person = subject.find("subjectDemographicPerson") if subject is not None else None
    times = ((series, "effectiveTime/low"), (root, "effectiveTime/low"), (root, "effectiveTime/center"))
    at = next(filter(None, (timestamp(_attribute(element, path, "value")) for element, path in times)), None)
    return Facts(
        recorded_at=at,
        site=said(root, "location/testingSite/location/name")
        or said(root, f"{_SUBJECT}/componentOf/clinicalTrial/location/trialSite/location/name"),
        device=said(device, "manufacturerModelName"),
        device_software=said(device, "softwareName"),
        age=_age(root, person, at),
        sex=sex(_attribute(person, "administrativeGenderCode", "code")),
        patient_id=identifier(_attribute(subject, "id", "extension")),
        measurements=_measurements(series),
    )


def readings_of(series: Element) -> tuple[Reading, ...]:
    """Return the statements of a device as the machine's reading, and those of a person as an over-read.

    Of several sets of annotations of one kind the last counts. The format has no mark of confirmation.
    """
    found: dict[Source, Reading] = {}
    for each in _sets(series):
        statements = [said(annotation, "value") for code, annotation in each.annotations if code == _STATEMENT]
        if text := "\n".join(filter(None, statements)):
            found[each.source] = Reading(source=each.source, text=text, reader=each.reader, authored_at=each.at)
    return tuple(found[source] for source in ("machine", "overread") if source in found)


def _sets(series: Element) -> Iterator[_Set]:
    """Yield the sets of annotations of a series and of the beats derived from it."""
    derived = series.findall("derivation/derivedSeries/subjectOf/annotationSet")
    for each in (*series.findall("subjectOf/annotationSet"), *derived):
        author = each.find("author/assignedEntity/assignedAuthorType")
        person = author.find("assignedPerson") if author is not None else None
        annotations = [(_attribute(one, "code", "code") or "", one) for one in each.iter("annotation")]
        if person is not None:
            number = identifier(_attribute(each.find("author/assignedEntity"), "id", "extension"))
            yield _Set(
                "overread",
                said(person, "name") or number,
                timestamp(_attribute(each, "activityTime", "value")),
                annotations,
            )
        elif author is not None and author.find("assignedDevice") is not None:
            yield _Set("machine", None, None, annotations)


def _measurements(series: Element) -> Measurements:
    """Return what a device measured of the whole recording: a value that differs from beat to beat is none."""
    found: dict[str, set[str]] = {}
    for each in _sets(series):
        for code, annotation in each.annotations if each.source == "machine" else ():
            if (value := _attribute(annotation, "value", "value")) is not None:
                found.setdefault(code, set()).add(value)

    def only(codes: Iterable[str]) -> str | None:
        values = {value for code in codes for value in found.get(code, ())}
        return values.pop() if len(values) == 1 else None

    return Measurements(
        heart_rate=heart_rate(only(["MDC_ECG_HEART_RATE"])),
        pr_ms=interval_ms(only(["MDC_ECG_TIME_PD_PR"])),
        qrs_ms=interval_ms(only(["MDC_ECG_TIME_PD_QRS"])),
        qt_ms=interval_ms(only(["MDC_ECG_TIME_PD_QT"])),
        qtc_ms=interval_ms(only(["MDC_ECG_TIME_PD_QTc"])),
        p_axis=axis(only(["MDC_ECG_ANGLE_P_FRONT"])),
        qrs_axis=axis(only(["MDC_ECG_ANGLE_QRS_FRONT"])),
        t_axis=axis(only(["MDC_ECG_ANGLE_T_FRONT"])),
    )


def _age(root: Element, person: Element | None, at: datetime | None) -> float | None:
    for each in root.iter("relatedObservation"):
        if _attribute(each, "code", "code") == _REPORTED_AGE:
            unit = _UNITS.get(_attribute(each, "value", "unit") or "", "")
            return age_years(_attribute(each, "value", "value"), unit)
    born = date_of((_attribute(person, "birthTime", "value") or "")[:8], None)
    return age_at(at.date() if at is not None else None, born)


def _attribute(element: Element | None, path: str, name: str) -> str | None:
    found = element.find(path) if element is not None else None
    return found.get(name) if found is not None else None
