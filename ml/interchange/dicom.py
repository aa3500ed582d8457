"""An ECG as a DICOM waveform object: the 12-lead ECG, else the general one (PS3.3 A.34.3, A.34.4 and C.10.9).

Samples are the stored integers; sensitivity and correction factor give the stored gain back. What does not fit into 16
bits is a general ECG of 32 bits. Each reading is a group of annotations: what it is, its lines, and its findings as
codes of the scheme `99OVERREAD`.
"""

import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml.formats.dicom_facts import KIND, OURS, SIMULATED, SOURCE
from ml.formats.recording import LEADS, MISSING, Recording
from ml.interchange.exact import NotExact, decimal_string, factors
from ml.interchange.outgoing import CODED, Outgoing, OutgoingReading

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

TWELVE_LEAD = "1.2.840.10008.5.1.4.1.1.9.1.1"
GENERAL = "1.2.840.10008.5.1.4.1.1.9.1.2"
GENERAL_32_BIT = "1.2.840.10008.5.1.4.1.1.9.1.4"
MOST_SAMPLES = 16_384  # of a 12-lead ECG
RATES_HZ = (200, 1000)  # of 12-lead and general ECGs of 16 bits

_CODES = dict(zip(LEADS, (1, 2, 61, 62, 63, 64, 3, 4, 5, 6, 7, 8), strict=True))  # ISO 11073-10101, context group 3001
_LONGEST_TEXT = 1024  # of an annotation: characters, and for readers that count them so, bytes
_LONGEST_CODE = 16  # characters; a longer code has an attribute of its own
_LONGEST_NAME = 64  # characters
_SCHEMES = {"SNOMED": "SCT", "LOINC": "LN"}
_WHOLE_GROUP = [1, 0]  # the first group of channels, all of them

Fields = dict[str, Any]


class _Stored(NamedTuple):
    """Samples as they are written, (samples, leads), the kind of object they go into, and what marks a missing one."""

    frames: NDArray[np.signedinteger[Any]]
    kind: str
    padding: int


def write_dicom(ecg: Outgoing, recording: Recording) -> bytes:
    """Return the object as a file. Raises `NotExact` where the waveform would not be read again as it is."""
    if not recording.scale_known:
        raise NotExact("its amplitudes are not calibrated")
    from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian

    stored = _stored(recording)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(stored.kind)
    meta.MediaStorageSOPInstanceUID = UID(_uid(ecg.named("object", repr(ecg))))
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made = FileDataset("ecg.dcm", Dataset(), preamble=bytes(128), file_meta=meta)
    fields = {**_header(ecg, meta), "WaveformSequence": [_group(recording, stored)]}
    if annotations := list(_annotations(ecg)):
        fields["WaveformAnnotationSequence"] = annotations
    _fill(made, fields)
    content = BytesIO()
    made.save_as(content, enforce_file_format=True)
    return content.getvalue()


def _header(ecg: Outgoing, meta: Any) -> Fields:
    facts = ecg.facts
    at = facts.recorded_at
    return {
        "SpecificCharacterSet": "ISO_IR 192",
        "SOPClassUID": meta.MediaStorageSOPClassUID,
        "SOPInstanceUID": meta.MediaStorageSOPInstanceUID,
        "PatientName": "",
        "PatientID": facts.patient_hash or "",
        "PatientBirthDate": "",
        "PatientSex": {"male": "M", "female": "F"}.get(facts.sex or "", ""),
        "PatientAge": None if facts.age is None else _age(facts.age),
        "PatientIdentityRemoved": "YES",
        "DeidentificationMethod": "Names and numbers removed; the patient is a keyed hash",
        "StudyInstanceUID": _uid(ecg.named("study")),
        "SeriesInstanceUID": _uid(ecg.named("series")),
        "StudyID": "",
        "StudyDate": f"{at:%Y%m%d}" if at else "",
        "StudyTime": f"{at:%H%M%S}" if at else "",
        "StudyDescription": "SIMULATED: no patient" if facts.simulated else None,
        "AccessionNumber": "",
        "ReferringPhysicianName": "",
        "Modality": "ECG",
        "SeriesNumber": 1,
        "InstanceNumber": 1,
        "Manufacturer": "",
        "ManufacturerModelName": facts.device and _name(facts.device),
        "SoftwareVersions": facts.device_software and _name(facts.device_software),
        "ContentDate": f"{ecg.stored_at:%Y%m%d}",
        "ContentTime": f"{ecg.stored_at:%H%M%S}",
        "AcquisitionDateTime": _time(at) if at else None,  # a time that is not known is not made up
        "AcquisitionContextSequence": [],  # where the electrodes were is not known
    }


def _stored(recording: Recording) -> _Stored:
    samples = recording.samples
    known = np.where(samples == MISSING, 0, samples)
    short = np.iinfo(np.int16)
    low, high = RATES_HZ
    if known.min() <= short.min or known.max() > short.max or not low <= recording.sampling_rate_hz <= high:
        return _Stored(np.ascontiguousarray(samples.T, "<i4"), GENERAL_32_BIT, int(MISSING))
    frames = np.ascontiguousarray(np.where(samples == MISSING, short.min, samples).T, "<i2")
    return _Stored(frames, TWELVE_LEAD if len(frames) <= MOST_SAMPLES else GENERAL, int(short.min))


def _group(recording: Recording, stored: _Stored) -> "Dataset":
    frames = stored.frames
    bits = 8 * frames.dtype.itemsize
    rate = decimal_string(Decimal(recording.sampling_rate_hz)) or decimal_string(
        Decimal(repr(recording.sampling_rate_hz))
    )
    if rate is None:
        raise NotExact(f"a sampling rate of {recording.sampling_rate_hz!r} Hz has more than 16 characters")
    mark = np.array(stored.padding, frames.dtype).tobytes()
    return _dataset(
        WaveformOriginality="ORIGINAL",
        NumberOfWaveformChannels=len(LEADS),
        NumberOfWaveformSamples=len(frames),
        SamplingFrequency=rate,
        MultiplexGroupLabel="RHYTHM",
        ChannelDefinitionSequence=[
            _channel(lead, gain, bits) for lead, gain in zip(LEADS, recording.gain.tolist(), strict=True)
        ],
        WaveformBitsAllocated=bits,
        WaveformSampleInterpretation="SS" if bits == 16 else "SL",
        WaveformPaddingValue=mark if (recording.samples == MISSING).any() else None,
        WaveformData=frames.tobytes(),
    )


def _channel(lead: str, gain: float, bits: int) -> "Dataset":
    size = factors(gain)
    return _dataset(
        ChannelLabel=lead,
        ChannelSourceSequence=_coded(f"2:{_CODES[lead]}", "MDC", f"Lead {lead}"),
        ChannelSensitivity=size.sensitivity,
        ChannelSensitivityUnitsSequence=_coded("uV", "UCUM", "microvolt"),
        ChannelSensitivityCorrectionFactor=size.correction,
        ChannelBaseline="0",
        ChannelSampleSkew="0",
        WaveformBitsStored=bits,
    )


def _annotations(ecg: Outgoing) -> Iterator["Dataset"]:
    if ecg.facts.simulated:
        yield _annotation(0, ConceptNameCodeSequence=_ours(*KIND), ConceptCodeSequence=_ours(*SIMULATED))
    for field, coded in CODED.items():
        value = getattr(ecg.facts.measurements, field)
        if value is not None:
            yield _annotation(
                0,
                ConceptNameCodeSequence=(
                    _coded(coded.mdc, "MDC", coded.name) if coded.mdc else _coded(coded.loinc, "LN", coded.name)
                ),
                NumericValue=f"{value:.6g}",
                MeasurementUnitsCodeSequence=_coded(coded.unit, "UCUM", coded.unit),
            )
    for number, reading in enumerate(ecg.readings, 1):
        yield from _reading(number, ecg.vocabulary, reading)


def _reading(number: int, vocabulary: str, reading: OutgoingReading) -> Iterator["Dataset"]:
    """Yield the annotations of a reading: whose it is, its lines, its findings and its codes."""
    by = "machine" if reading.source == "machine" else f"over-read by {reading.reader or 'an unnamed reader'}"
    yield _annotation(number, ConceptNameCodeSequence=_ours(*SOURCE), ConceptCodeSequence=_ours(reading.source, by))
    for line in (reading.text or "").splitlines():
        for part in _parts(line.strip()):
            yield _annotation(number, UnformattedTextValue=part)
    for each in reading.results:
        code = _coded(each.code, OURS, each.meaning, vocabulary)
        yield _annotation(number, ConceptNameCodeSequence=_ours("finding", "Finding"), ConceptCodeSequence=code)
    for given in reading.codes:
        scheme = _SCHEMES.get(given.system) or f"99{given.system}"
        code = _coded(given.code, scheme, given.code)
        yield _annotation(number, ConceptNameCodeSequence=_ours("statement", "Statement"), ConceptCodeSequence=code)


def _parts(line: str) -> Iterator[str]:
    """Yield a line in parts that an annotation can hold, parted between words where there is a space."""
    while line:
        part = line[:_LONGEST_TEXT].encode()[:_LONGEST_TEXT].decode(errors="ignore")
        if len(part) < len(line) and " " in part:
            part = part[: part.rindex(" ")]
        yield part
        line = line[len(part) :].strip()


def _annotation(number: int, **fields: Any) -> "Dataset":
    return _dataset(ReferencedWaveformChannels=_WHOLE_GROUP, AnnotationGroupNumber=number, **fields)


def _ours(value: str, meaning: str) -> "Sequence[Dataset]":
    return _coded(value, OURS, meaning)


def _coded(value: str, scheme: str, meaning: str, version: str | None = None) -> "Sequence[Dataset]":
    code = _name(value, len(value))
    return [
        _dataset(
            CodeValue=code if len(code) <= _LONGEST_CODE else None,
            LongCodeValue=code if len(code) > _LONGEST_CODE else None,
            CodingSchemeDesignator=_name(scheme, _LONGEST_CODE),
            CodingSchemeVersion=version and _name(version, _LONGEST_CODE),
            CodeMeaning=_name(meaning),
        )
    ]


def _name(text: str, longest: int = _LONGEST_NAME) -> str:
    """Return a text as one value: a backslash would part it in two."""
    return text.replace("\\", "/")[:longest].strip()


def _age(years: float) -> str:
    return f"{int(years):03}Y" if years >= 2 else f"{int(years * 12):03}M"


def _dataset(**fields: Any) -> "Dataset":
    from pydicom.dataset import Dataset

    made = Dataset()
    _fill(made, fields)
    return made


def _fill(made: "Dataset", fields: Fields) -> None:
    for name, value in fields.items():
        if value is not None:
            setattr(made, name, value)


def _uid(identifier: uuid.UUID) -> str:
    return f"2.25.{identifier.int}"  # PS3.5, B.2


def _time(at: datetime) -> str:
    return f"{at:%Y%m%d%H%M%S.%f%z}"
