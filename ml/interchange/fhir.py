"""An ECG as a FHIR R4 Bundle: patient, device, waveform, measurements, and each reading as a DiagnosticReport.

The waveform is an Observation, as in the example of the standard: a component a lead, with the stored integers and the
size of a step. Sampled data of more than a megabyte are a Binary, and the Observation is derived from a
DocumentReference on it: R4 lets an Observation point to that, and not to a Binary. `Media` could stand there too, and
is for pictures, video and sound.
"""

import base64
import hashlib
import json
import uuid
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from ml.formats.recording import LEADS, MISSING, Recording
from ml.interchange.exact import reciprocal
from ml.interchange.outgoing import CODED, Outgoing, OutgoingReading

MOST_INLINE = 1_000_000  # bytes of sampled data, of all leads together
INTEGERS = "application/octet-stream"
FORM = (
    "Twelve leads one after the other (I, II, III, aVR, aVL, aVF, V1-V6), each a row of little-endian int32; "
    f"{MISSING} was not recorded. One step is the factor of the lead's component."
)

LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
MDC = "urn:iso:std:iso:11073:10101"
OURS = "urn:overread"
SYSTEMS = {"SNOMED": "http://snomed.info/sct", "LOINC": LOINC}
"""Addresses of code systems by the names that readings give them; another one is named as it is, below `OURS`."""

_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
_EKG = {"system": LOINC, "code": "11524-6", "display": "EKG study"}
_AGE = {"system": LOINC, "code": "30525-0", "display": "Age"}
_NUMBERS = dict(zip(LEADS, (1, 2, 61, 62, 63, 64, 3, 4, 5, 6, 7, 8), strict=True))
_PARTITION, _POTENTIAL = 2 << 16, 256  # of ISO 11073-10101: the partition of ECGs, and of potentials within it

Json = dict[str, Any]


def write_fhir(ecg: Outgoing, recording: Recording | None) -> bytes:
    """Return the Bundle as JSON. Without a waveform it has the readings and the measurements alone."""
    bundle = {
        "resourceType": "Bundle",
        "id": str(ecg.id),
        **_meta(ecg),
        "identifier": {"system": f"{OURS}:ecg", "value": str(ecg.id)},
        "type": "collection",
        "entry": [_entry(each) for each in _resources(ecg, recording)],
    }
    return written(bundle).encode()


def written(value: Any) -> str:
    """Return a value as JSON, each `Decimal` with the digits it has."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{written(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return json.dumps(value, allow_nan=False)  # ASCII: a byte a character, whatever a report says


def _resources(ecg: Outgoing, recording: Recording | None) -> Iterator[Json]:
    of: Json = {}
    if ecg.facts.patient_hash is not None:
        patient = _patient(ecg)
        yield patient
        of["subject"] = _reference("Patient", patient["id"])
    if ecg.facts.recorded_at is not None:
        of["effectiveDateTime"] = _time(ecg.facts.recorded_at)
    device: Json = {}
    if ecg.facts.device is not None or ecg.facts.device_software is not None:
        made_by = _device(ecg)
        yield made_by
        device["device"] = _reference("Device", made_by["id"])
    results = []
    if recording is not None:
        waveform, *files = _waveform(ecg, recording, {**of, **device})
        yield from (waveform, *files)
        results.append(_reference("Observation", waveform["id"]))
    if measured := _measured(ecg):
        panel = _resource(ecg, "Observation", "measurements") | {
            "status": "preliminary",
            "code": {"text": "Measured by the device"},
            **of,
            **device,
            "component": measured,
        }
        yield panel
        results.append(_reference("Observation", panel["id"]))
    if ecg.facts.age is not None:
        yield _resource(ecg, "Observation", "age") | {
            "status": "final",
            "code": {"coding": [_AGE], "text": "Age when the ECG was recorded"},
            **of,
            "valueQuantity": {"value": Decimal(str(ecg.facts.age)), "unit": "a", "system": UCUM, "code": "a"},
        }
    for reading in ecg.readings:
        yield _report(ecg, reading, {**of, **({"result": results} if results else {})})


def _time(at: datetime) -> str:
    """Return a time as R4 takes it: of one without an offset the day alone."""
    return at.isoformat() if at.tzinfo is not None else at.date().isoformat()


def _patient(ecg: Outgoing) -> Json:
    value = str(ecg.facts.patient_hash)
    patient = _resource(ecg, "Patient")
    patient["id"] = str(uuid.uuid5(uuid.NAMESPACE_OID, value))
    return patient | {
        "identifier": [{"system": f"{OURS}:patient-hash", "value": value}],
        "gender": ecg.facts.sex or "unknown",
    }


def _device(ecg: Outgoing) -> Json:
    device = _resource(ecg, "Device")
    if ecg.facts.device is not None:
        device["deviceName"] = [{"name": ecg.facts.device, "type": "model-name"}]
    if ecg.facts.device_software is not None:
        device["version"] = [{"value": ecg.facts.device_software}]
    return device


def _waveform(ecg: Outgoing, recording: Recording, of: Json) -> list[Json]:
    """Return the Observation and, of a long one, the file it is derived from."""
    data = [_data(lead) for lead in recording.samples]
    is_inline = sum(map(len, data)) <= MOST_INLINE
    files = [] if is_inline else _files(ecg, recording, of)
    unit = ("uV", "uV") if recording.scale_known else ("arbitrary unit", "[arb'U]")
    period = reciprocal(recording.sampling_rate_hz)
    components = []
    for lead, gain, samples in zip(LEADS, recording.gain.tolist(), data, strict=True):
        sampled = {
            "origin": {"value": 0, "unit": unit[0], "system": UCUM, "code": unit[1]},
            "period": period,
            "factor": reciprocal(gain),
            "dimensions": 1,
            **({"data": samples} if is_inline else {}),
        }
        components.append({"code": _lead(lead), "valueSampledData": sampled})
    observation = _resource(ecg, "Observation", "waveform") | {
        "identifier": [{"system": f"{OURS}:waveform-sha256", "value": ecg.waveform_sha256}],
        "status": "final",
        "category": [{"coding": [{"system": f"{_TERMINOLOGY}/observation-category", "code": "procedure"}]}],
        "code": {"coding": [_EKG]},
        **of,
        **({"derivedFrom": [_reference("DocumentReference", files[0]["id"])]} if files else {}),
        "component": components,
    }
    return [observation, *files]


def _files(ecg: Outgoing, recording: Recording, of: Json) -> list[Json]:
    content = np.ascontiguousarray(recording.samples, "<i4").tobytes()
    binary = _resource(ecg, "Binary") | {"contentType": INTEGERS, "data": base64.b64encode(content).decode()}
    attachment = {
        "contentType": INTEGERS,
        "url": f"urn:uuid:{binary['id']}",
        "size": len(content),
        "hash": base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode(),  # as R4 wants it
        "title": "Samples",
    }
    document = _resource(ecg, "DocumentReference") | {
        "status": "current",
        "type": {"coding": [_EKG]},
        **({"subject": of["subject"]} if "subject" in of else {}),
        "description": FORM,
        "content": [{"attachment": attachment}],
    }
    return [document, binary]


def _data(lead: NDArray[np.int32]) -> str:
    """Return samples as R4 writes them: "E" where nothing was recorded."""
    text = " ".join(map(str, lead.tolist()))
    return text.replace(str(MISSING), "E")


def _lead(name: str) -> Json:
    number = _NUMBERS[name]
    coding = [
        {"system": MDC, "code": str(_PARTITION + number), "display": f"MDC_ECG_LEAD_{name.upper()}"},
        {"system": MDC, "code": str(_PARTITION + _POTENTIAL + number), "display": f"MDC_ECG_ELEC_POTL_{name.upper()}"},
    ]
    return {"coding": coding, "text": name}


def _measured(ecg: Outgoing) -> list[Json]:
    components = []
    for field, coded in CODED.items():
        value = getattr(ecg.facts.measurements, field)
        if value is not None:
            quantity = {"value": Decimal(str(value)), "unit": coded.unit, "system": UCUM, "code": coded.unit}
            code = {"coding": [{"system": LOINC, "code": coded.loinc}], "text": coded.name}
            components.append({"code": code, "valueQuantity": quantity})
    return components


def _report(ecg: Outgoing, reading: OutgoingReading, of: Json) -> Json:
    """Return a reading. The machine's is preliminary; an over-read is final, or amended from its second version on."""
    status = "preliminary" if reading.source == "machine" else "amended" if reading.version > 1 else "final"
    report = _resource(ecg, "DiagnosticReport", str(reading.id)) | {
        "identifier": [{"system": f"{OURS}:report", "value": str(reading.id)}],
        "status": status,
        "category": [{"coding": [{"system": f"{_TERMINOLOGY}/v2-0074", "code": "EC"}]}],
        "code": {"coding": [_EKG], "text": "Machine reading" if reading.source == "machine" else "Over-read"},
        **of,
        "issued": reading.at.isoformat(),
    }
    if reading.reader is not None:
        identifier = {"system": f"{OURS}:reader-pseudonym", "value": reading.reader}
        report["performer"] = [{"type": "Practitioner", "identifier": identifier}]
    if known := [
        {"url": f"{OURS}:{name}", "valueCode": value}
        for name, value in (("blinded", reading.blinded), ("validated", reading.validated))
        if value != "unknown"
    ]:
        report["extension"] = known  # R4 has no element for either
    if reading.text is not None:
        report["conclusion"] = reading.text
    if said := _conclusions(ecg.vocabulary, reading):
        report["conclusionCode"] = said
    return report


def _conclusions(vocabulary: str, reading: OutgoingReading) -> list[Json]:
    """Return the findings under the vocabulary, then the codes that the reading itself has."""
    ours = f"{OURS}:label:{quote(vocabulary)}"
    found = [{"system": ours, "code": each.code, "display": each.meaning} for each in reading.results]
    given = [{"system": _system(each.system), "code": each.code} for each in reading.codes]
    return [{"coding": [coding]} for coding in found + given]


def _system(name: str) -> str:
    return SYSTEMS.get(name) or f"{OURS}:codes:{quote(name)}"


def _resource(ecg: Outgoing, kind: str, part: str = "") -> Json:
    return {"resourceType": kind, "id": str(ecg.named(kind, part)), **_meta(ecg)}


def _meta(ecg: Outgoing) -> Json:
    """Return where a resource is from, and whether no patient was ever attached to it."""
    meta: Json = {"source": f"{OURS}:ecg:{ecg.id}"}
    if ecg.facts.simulated:
        meta["tag"] = [{"system": f"{_TERMINOLOGY}/v3-ActReason", "code": "HTEST", "display": "test health data"}]
    return {"meta": meta}


def _reference(kind: str, identifier: str) -> Json:
    return {"reference": f"urn:uuid:{identifier}", "type": kind}


def _entry(resource: Json) -> Json:
    return {"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource}
