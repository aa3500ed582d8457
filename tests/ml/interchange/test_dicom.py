"""A DICOM ECG that we write is the same waveform for our reader, for pydicom, and for GDCM."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.waveforms import multiplex_array

from ml.formats import LEADS, Recording, read
from ml.formats.ecg_file import Measurements
from ml.formats.recording import MISSING
from ml.formats.waveform import digest
from ml.interchange import CODED, NotExact, Outgoing, write_dicom
from ml.interchange.dicom import GENERAL, GENERAL_32_BIT, TWELVE_LEAD
from tests.ml.formats.records import simulated
from tests.ml.interchange.ecgs import CODES, FACTS, LONG, MACHINE, MDC, REAL, ecg_of, real, simulated_facts

RECORDING = simulated()


def changed(**fields: Any) -> Recording:
    return replace(RECORDING, **fields)


def opened(content: bytes) -> pydicom.Dataset:
    return pydicom.dcmread(BytesIO(content))


def with_missing() -> Recording:
    samples = RECORDING.samples.copy()
    samples[3, 100:200] = MISSING
    return changed(samples=samples)


def large() -> Recording:
    samples = RECORDING.samples.copy()
    samples[0, 0], samples[1, 1] = 70_000, MISSING
    return changed(samples=samples)


@pytest.mark.parametrize(
    ("recording", "kind"),
    [
        (RECORDING, TWELVE_LEAD),
        (changed(gain=np.geomspace(33.333, 12_345.678, len(LEADS))), TWELVE_LEAD),
        (with_missing(), TWELVE_LEAD),
        (changed(samples=np.tile(RECORDING.samples, 4)), GENERAL),
        (large(), GENERAL_32_BIT),
        (changed(sampling_rate_hz=1200.5), GENERAL_32_BIT),
    ],
    ids=["plain", "gains", "missing", "long", "32 bits", "rate"],
)
def test_it_is_read_as_the_same_waveform(recording: Recording, kind: str) -> None:
    content = write_dicom(ecg_of(recording), recording)
    assert digest(read({"e.dcm": content}).recording) == digest(recording)
    assert opened(content).SOPClassUID == kind


@pytest.mark.parametrize("name", REAL)
def test_real_files_are_read_as_the_same_waveform(shared: Path, name: str) -> None:
    recording = real(shared, name)
    content = write_dicom(ecg_of(recording), recording)
    assert digest(read({"e.dcm": content}).recording) == digest(recording)
    scaled = multiplex_array(opened(content), 0, as_raw=False).T / 1000  # µV
    assert np.allclose(scaled, recording.millivolts(), rtol=1e-12, atol=0, equal_nan=True)


def test_facts_and_the_machines_reading_come_back() -> None:
    file = read({"e.dcm": write_dicom(ecg_of(RECORDING), RECORDING)})
    facts = file.facts
    assert (facts.recorded_at, facts.device, facts.device_software) == (FACTS.recorded_at, "MAC 2000", "12SL v23")
    assert (facts.age, facts.sex, facts.patient_id, facts.simulated) == (67, "female", FACTS.patient_hash, None)
    assert facts.measurements == Measurements(heart_rate=72, pr_ms=160.5, qtc_ms=436, p_axis=-30)
    assert [(each.source, each.text) for each in file.readings] == [("machine", MACHINE.text)]


def test_codes_are_those_of_the_standard() -> None:
    """Of leads context group 3001, of measurements 3227 to 3229; a heart rate has none there, and is LOINC's."""
    made = opened(write_dicom(ecg_of(RECORDING), RECORDING))
    channels = made.WaveformSequence[0].ChannelDefinitionSequence
    meanings = {f"2:{number}": meaning for meaning, number in MDC.items()}
    for lead, channel in zip(LEADS, channels, strict=True):
        [source] = channel.ChannelSourceSequence
        assert meanings[source.CodeValue].removeprefix("Lead ").partition(",")[0] == lead
    for field, coded in CODED.items():
        if coded.mdc is not None:
            meaning = meanings[coded.mdc].lower()
            assert meaning.removesuffix(" global") == coded.name.lower(), field
    assert [field for field, coded in CODED.items() if coded.mdc is None] == ["heart_rate"]


def test_a_simulated_one_stays_simulated() -> None:
    assert read({"e.dcm": write_dicom(ecg_of(RECORDING, simulated_facts()), RECORDING)}).facts.simulated


def test_each_reading_is_a_group_of_annotations() -> None:
    found: dict[int, list[str]] = {}
    for each in opened(write_dicom(ecg_of(RECORDING), RECORDING)).WaveformAnnotationSequence:
        if "UnformattedTextValue" in each:
            said = each.UnformattedTextValue
        elif "ConceptCodeSequence" in each:
            [code] = each.ConceptCodeSequence
            said = f"{code.CodingSchemeDesignator} {code.get('CodeValue') or code.LongCodeValue}"
        else:
            said = each.ConceptNameCodeSequence[0].CodeMeaning
        found.setdefault(each.AnnotationGroupNumber, []).append(said)
    ours = "99OVERREAD"
    assert found == {
        0: ["Heart rate", "PR interval", "QTc interval", "P axis"],
        1: [f"{ours} machine", "Sinus rhythm", "Left axis deviation", f"{ours} sinus_rhythm", f"{ours} lad"],
        2: [
            *(f"{ours} overread", "Atrial flutter, possible LVH", "no infarct <&> 日本"),
            *(f"{ours} aflutter", f"{ours} sinus_rhythm.uncertain"),
        ],
        3: [f"{ours} overread", f"{ours} afib.negated", "SCT 164889003", "99SCP AFIB", f"99My codes {'x' * 40}"],
    }


def test_every_value_is_of_its_kind_and_length(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = [replace(MACHINE, text=LONG), replace(CODES, text="a\n\n" + "b" * 5000, reader="r" * 200)]
    facts = replace(FACTS, device="d" * 200, device_software="a\\b" * 50)
    monkeypatch.setattr(pydicom.config.settings, "writing_validation_mode", pydicom.config.RAISE)
    monkeypatch.setattr(pydicom.config.settings, "reading_validation_mode", pydicom.config.RAISE)
    made = opened(write_dicom(replace(ecg_of(RECORDING, facts), readings=readings), RECORDING))
    for element in made.iterall():  # each is converted, and so checked
        assert element.value is not None
    texts = [each.UnformattedTextValue for each in made.WaveformAnnotationSequence if "UnformattedTextValue" in each]
    assert "".join(texts).replace(" ", "") == (LONG + "a" + "b" * 5000).replace(" ", "")


def test_it_names_no_patient_and_the_same_gives_the_same_bytes() -> None:
    content = write_dicom(ecg_of(RECORDING), RECORDING)
    made = opened(content)
    assert (made.PatientName, made.PatientBirthDate, made.AccessionNumber) == ("", "", "")
    assert (made.PatientID, made.PatientIdentityRemoved) == (FACTS.patient_hash, "YES")
    assert content == write_dicom(ecg_of(RECORDING), RECORDING)


@pytest.mark.parametrize(
    "recording",
    [changed(scale_known=False), changed(sampling_rate_hz=1000 / 3)],
    ids=["no scale", "a rate of too many digits"],
)
def test_what_would_be_another_waveform_is_refused(recording: Recording) -> None:
    with pytest.raises(NotExact):
        write_dicom(ecg_of(recording), recording)


@pytest.mark.parametrize("recording", [RECORDING, large()], ids=["16 bits", "32 bits"])
def test_gdcm_reads_the_same_samples(tmp_path: Path, recording: Recording) -> None:
    gdcm = pytest.importorskip("gdcm", reason="python-gdcm is not installed")
    ecg: Outgoing = ecg_of(recording)
    path = tmp_path / "e.dcm"
    path.write_bytes(write_dicom(ecg, recording))
    reader = gdcm.Reader()
    reader.SetFileName(str(path))
    assert reader.Read()
    dataset = reader.GetFile().GetDataSet()
    groups = dataset.GetDataElement(gdcm.Tag(0x5400, 0x0100)).GetValueAsSQ()
    assert groups.GetNumberOfItems() == 1
    data = groups.GetItem(1).GetNestedDataSet().GetDataElement(gdcm.Tag(0x5400, 0x1010)).GetByteValue()
    content = data.GetBuffer().encode("utf-8", "surrogateescape")  # as Python's binding gives bytes
    kind, missing = ("<i2", -(2**15)) if recording is RECORDING else ("<i4", int(MISSING))
    samples = np.frombuffer(content, kind).reshape(-1, len(LEADS)).T
    assert np.array_equal(np.where(samples == missing, MISSING, samples), recording.samples)
