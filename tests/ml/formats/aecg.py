"""HL7 annotated ECGs that tests make."""

from collections.abc import Iterable

import numpy as np

from ml.formats import LEADS, Recording

NAMESPACE = "urn:hl7-org:v3"
TIMES = (
    '<component><sequence><code code="TIME_ABSOLUTE"/><value><head value="20210520131518"/>'
    '<increment value="0.002" unit="s"/></value></sequence></component>'
)
DEVICE = "<assignedDevice><manufacturerModelName>ELI250</manufacturerModelName></assignedDevice>"
PERSON = "<assignedPerson><name>Doe, Jo</name></assignedPerson>"


def sequence(lead: str, samples: Iterable[int], *, scale: str = "5", unit: str = "uV", origin: str = "0") -> str:
    digits = " ".join(map(str, samples))
    return (
        f'<component><sequence><code code="MDC_ECG_LEAD_{lead.upper()}"/><value><origin value="{origin}" unit="{unit}"/>'
        f'<scale value="{scale}" unit="{unit}"/><digits>{digits}</digits></value></sequence></component>'
    )


def sequences(rows: np.ndarray, leads: Iterable[str] = LEADS) -> str:
    return "".join(sequence(lead, row.tolist()) for lead, row in zip(leads, rows, strict=True))


def annotation(code: str, value: str, inner: str = "") -> str:
    return f'<component><annotation><code code="{code}"/>{value}{inner}</annotation></component>'


def statements(author: str, *lines: str, at: str = "20210521170333") -> str:
    """Return a set of annotations with an interpretation of some statements."""
    inner = "".join(annotation("MDC_ECG_INTERPRETATION_STATEMENT", f"<value>{line}</value>") for line in lines)
    return (
        f'<subjectOf><annotationSet><activityTime value="{at}"/><author><assignedEntity><id extension="R-9"/>'
        f"<assignedAuthorType>{author}</assignedAuthorType></assignedEntity></author>"
        f"{annotation('MDC_ECG_INTERPRETATION', '', inner)}{annotation('MDC_ECG_TIME_PD_PR', '<value value=`160`/>'.replace('`', chr(34)))}"
        "</annotationSet></subjectOf>"
    )


def series(waveforms: str, *, code: str = "RHYTHM", annotations: str = "") -> str:
    return (
        f'<component><series><code code="{code}"/><effectiveTime><low value="20210520131518.000"/></effectiveTime>'
        "<author><seriesAuthor><manufacturedSeriesDevice><manufacturerModelName>ELI250</manufacturerModelName>"
        "<softwareName>5.3</softwareName></manufacturedSeriesDevice></seriesAuthor></author>"
        f"<component><sequenceSet>{waveforms}</sequenceSet></component>{annotations}</series></component>"
    )


def aecg(*parts: str, subject: str = '<id extension="4711"/>') -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><AnnotatedECG xmlns="{NAMESPACE}"><componentOf><timepointEvent><componentOf>'
        f"<subjectAssignment><subject><trialSubject>{subject}</trialSubject></subject></subjectAssignment></componentOf>"
        f"</timepointEvent></componentOf><location><testingSite><location><name>North</name></location></testingSite>"
        f"</location>{''.join(parts)}</AnnotatedECG>"
    )


def aecg_file(recording: Recording) -> bytes:
    said = statements(DEVICE, "Sinus rhythm", "Left axis deviation")
    return aecg(series(TIMES + sequences(recording.samples), annotations=said)).encode()
