"""DICOM ECGs that tests make, written by pydicom."""

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from ml.formats import LEADS, Recording

CODES = dict(zip(LEADS, (1, 2, 61, 62, 63, 64, 3, 4, 5, 6, 7, 8), strict=True))
TWELVE_LEAD_ECG = UID("1.2.840.10008.5.1.4.1.1.9.1.1")


def code(value: str, scheme: str, meaning: str) -> list[Dataset]:
    return [dataset(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)]


def dataset(**fields: Any) -> Dataset:
    made = Dataset()
    for name, value in fields.items():
        if value is not None:
            setattr(made, name, value)
    return made


def channel(lead: str, **changed: Any) -> Dataset:
    """Return a channel in steps of 5 µV; a keyword changes a field, or leaves it out where it is None."""
    fields: dict[str, Any] = {
        "ChannelSourceSequence": code(f"2:{CODES[lead]}", "MDC", f"Lead {lead}") if lead in CODES else [],
        "ChannelSensitivity": "5",
        "ChannelSensitivityUnitsSequence": code("uV", "UCUM", "microvolt"),
        "ChannelSensitivityCorrectionFactor": "1",
        "ChannelBaseline": "0",
        "ChannelSampleSkew": "0",
        "WaveformBitsStored": 16,
    }
    return dataset(**{**fields, **changed})


def group(rows: np.ndarray, channels: Sequence[Dataset] | None = None, **changed: Any) -> Dataset:
    """Return a multiplex group; a keyword changes a field, or leaves it out where it is None."""
    fields: dict[str, Any] = {
        "WaveformOriginality": "ORIGINAL",
        "NumberOfWaveformChannels": len(rows),
        "NumberOfWaveformSamples": rows.shape[1],
        "SamplingFrequency": "500",
        "MultiplexGroupLabel": "RHYTHM",
        "ChannelDefinitionSequence": [channel(lead) for lead in LEADS] if channels is None else list(channels),
        "WaveformBitsAllocated": 16,
        "WaveformSampleInterpretation": "SS",
        "WaveformData": np.ascontiguousarray(rows.T).astype("<i2").tobytes(),
    }
    return dataset(**{**fields, **changed})


def annotation(
    text: str | None = None, meaning: str | None = None, value: str | None = None, unit: str = "ms"
) -> Dataset:
    measured = (
        {}
        if meaning is None
        else {
            "ConceptNameCodeSequence": code("1", "SCPECG", meaning),
            "NumericValue": value,
            "MeasurementUnitsCodeSequence": code(unit, "UCUM", unit),
        }
    )
    return dataset(AnnotationGroupNumber=0, UnformattedTextValue=text, **measured)


def dicom(groups: Sequence[Dataset], *, syntax: UID = ExplicitVRLittleEndian, **fields: Any) -> bytes:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = TWELVE_LEAD_ECG, generate_uid(entropy_srcs=["a"])
    meta.TransferSyntaxUID = syntax
    kind = {"is_implicit_VR": syntax.is_implicit_VR, "is_little_endian": syntax.is_little_endian}
    made = FileDataset("e.dcm", {}, file_meta=meta, preamble=b"\0" * 128, **kind)
    known: dict[str, Any] = {
        "SOPClassUID": TWELVE_LEAD_ECG,
        "SOPInstanceUID": meta.MediaStorageSOPInstanceUID,
        "AcquisitionDateTime": "20210520131518",
        "InstitutionName": "North",
        "CurrentPatientLocation": "Ward 7",
        "ManufacturerModelName": "ELI250",
        "SoftwareVersions": "5.3",
        "PatientName": "Doe^Jo",
        "PatientID": "4711",
        "PatientSex": "F",
        "PatientAge": "060Y",
        "AccessionNumber": "A-12",
        "WaveformSequence": list(groups),
        **fields,
    }
    for name, value in known.items():
        setattr(made, name, value)
    content = BytesIO()
    made.save_as(content)
    return content.getvalue()


def dicom_file(recording: Recording) -> bytes:
    said = [
        annotation("Sinus rhythm"),
        annotation("Left axis deviation"),
        annotation(meaning="PR Interval", value="160"),
    ]
    return dicom([group(recording.samples)], WaveformAnnotationSequence=said)
