"""An ECG with three readings, as it goes out."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydicom.sr._concepts_dict import concepts

from ml.formats import Recording, read
from ml.formats.ecg_file import Facts, Measurements
from ml.formats.waveform import digest
from ml.interchange import Outgoing, OutgoingReading, Result
from ml.labeling.findings import Code

MDC = {
    meaning: int(code.split(":")[1])
    for codes in concepts["MDC"].values()
    for code, (meaning, groups) in codes.items()
    if {3001, 3227, 3228, 3229} & set(groups)
}
"""Codes of ISO 11073-10101 by their meanings, from the context groups of DICOM as pydicom carries them."""
AT = datetime(2026, 3, 1, 10, 15, tzinfo=UTC)
LONG = "é " + "very " * 500 + "long"

MACHINE = OutgoingReading(
    id=uuid.UUID(int=1),
    source="machine",
    text="Sinus rhythm\nLeft axis deviation",
    reader=None,
    version=1,
    at=AT,
    results=[Result("sinus_rhythm", "Sinus Rhythm", "present"), Result("lad", "Left Axis Deviation", "present")],
    codes=[],
)
OVERREAD = OutgoingReading(
    id=uuid.UUID(int=2),
    source="overread",
    text="Atrial flutter, possible LVH\nno infarct <&> 日本",
    reader="reader-7",
    version=2,
    at=AT,
    blinded="no",
    validated="yes",
    results=[Result("aflutter", "Atrial Flutter", "present"), Result("sinus_rhythm", "Sinus Rhythm", "uncertain")],
    codes=[],
)
CODES = OutgoingReading(
    id=uuid.UUID(int=3),
    source="overread",
    text=None,
    reader=None,
    version=1,
    at=AT,
    results=[Result("afib", "Atrial Fibrillation", "negated")],
    codes=[Code("SNOMED", "164889003"), Code("SCP", "AFIB", 0.5), Code("My codes", "x" * 40)],
)
FACTS = Facts(
    recorded_at=AT,
    device="MAC 2000",
    device_software="12SL v23",
    age=67.5,
    sex="female",
    patient_hash="ab" * 32,
    measurements=Measurements(heart_rate=72, pr_ms=160.5, qtc_ms=436, p_axis=-30),
)


def ecg_of(recording: Recording | None, facts: Facts = FACTS) -> Outgoing:
    return Outgoing(
        id=uuid.UUID(int=4711),
        waveform_sha256=None if recording is None else digest(recording),
        stored_at=AT,
        facts=facts,
        vocabulary="overread-2",
        readings=[MACHINE, OVERREAD, CODES],
    )


def simulated_facts() -> Facts:
    return replace(FACTS, simulated=True)


REAL = {
    "ptbxl": ("ptbxl/records500/00000/00001_hr.hea", "ptbxl/records500/00000/00001_hr.dat"),
    "dicom": ("formats/dicom_ecg/mortara_12lead.dcm",),
    "aecg": ("formats/hl7_aecg/Example_aECG.xml",),
    "muse": ("formats/muse_xml/muse-sinus.xml",),
    "philips": ("formats/philips_sierra_xml/129DYPRG.XML",),
    "scp": ("formats/scp_ecg/Example.scp",),
    "hdf5": ("sph_h5/SPH00001.h5",),
}


def real(shared: Path, name: str) -> Recording:
    paths = [shared / each for each in REAL[name]]
    if not all(path.is_file() for path in paths):
        pytest.skip(f"the real file of {name} is absent")
    return read({path.name: path.read_bytes() for path in paths}).recording
