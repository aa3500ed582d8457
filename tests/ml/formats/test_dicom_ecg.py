"""DICOM ECGs: a real file against pydicom's own scaling, and files that are not what they should be."""

import struct
import tracemalloc
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from ml.formats import LEADS, EcgFile, Reading, Unreadable, dicom_ecg, dicom_elements, read
from ml.formats.dicom_ecg import FORMAT
from ml.formats.dicom_elements import MAX_ELEMENTS
from ml.formats.recording import MISSING
from ml.formats.waveform import digest, encode
from tests.cost import MOST_LOOPS, loops
from tests.ml.formats.aecg import aecg_file
from tests.ml.formats.dicom import annotation, channel, code, dicom, dicom_file, group
from tests.ml.formats.muse import EIGHT
from tests.ml.formats.records import simulated

RECORDING = simulated()
ROWS = RECORDING.samples


def read_bytes(content: bytes) -> EcgFile:
    return read({"e.dcm": content})


def refused(content: bytes) -> str:
    with pytest.raises(Unreadable) as caught:
        read_bytes(content)
    return caught.value.reasons[0].code


def with_lead(lead: str, **changed: Any) -> bytes:
    return dicom([group(ROWS, [channel(each, **(changed if each == lead else {})) for each in LEADS])])


def test_a_real_file_is_what_pydicom_scales(shared: Path) -> None:
    path = shared / "formats/dicom_ecg/mortara_12lead.dcm"
    recording = read_bytes(path.read_bytes()).recording
    expected_uv = pydicom.dcmread(path).waveform_array(0).T
    assert (recording.samples.shape, recording.sampling_rate_hz, set(recording.gain)) == ((12, 10_000), 1000, {800.0})
    assert np.abs(recording.millivolts() * 1000 - expected_uv).max() < 1e-9


def test_a_real_file_says_what_its_device_said(shared: Path) -> None:
    ecg = read_bytes((shared / "formats/dicom_ecg/mortara_12lead.dcm").read_bytes())
    facts, measured = ecg.facts, ecg.facts.measurements
    assert (facts.recorded_at, facts.age, facts.sex) == (datetime(2013, 1, 25, 10, 59, 19), 42, "female")
    assert (facts.device, facts.patient_id, facts.order_id) == ("el250", "ANON-0001", None)
    assert (measured.pr_ms, measured.qrs_ms, measured.qt_ms, measured.qtc_ms) == (161, 75, 368, 370)
    assert (measured.p_axis, measured.qrs_axis, measured.t_axis) == (74, 52, 57)
    assert ecg.readings == (Reading(source="machine", text="RITMO SINUSALE\nECG NORMALE"),)


def test_the_same_ecg_in_two_formats_is_one() -> None:
    assert digest(read_bytes(dicom_file(RECORDING)).recording) == digest(read({"e": aecg_file(RECORDING)}).recording)


@pytest.mark.parametrize("changed", [{"WaveformOriginality": "DERIVED"}, {"MultiplexGroupLabel": "MEDIAN BEAT"}])
def test_a_median_beat_is_never_taken_for_the_rhythm(changed: dict[str, str]) -> None:
    beat = group(np.zeros((12, 600), int), **changed)
    for groups in ([beat, group(ROWS)], [group(ROWS), beat]):
        assert np.array_equal(read_bytes(dicom(groups)).recording.samples, ROWS)
    assert refused(dicom([beat])) == refused(dicom([])) == "waveform_count"


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_a_transfer_syntax_is_read_or_refused_by_name(syntax: pydicom.uid.UID) -> None:
    content = dicom([group(ROWS)], syntax=syntax)
    if syntax == ImplicitVRLittleEndian:
        assert np.array_equal(read_bytes(content).recording.samples, ROWS)
    else:
        assert refused(content) == "unsupported_syntax"


@pytest.mark.parametrize(
    ("changed", "gain", "added"),
    [
        ({"ChannelSensitivity": "2.5"}, 400, 0),
        ({"ChannelSensitivity": "2.5", "ChannelSensitivityCorrectionFactor": "2"}, 200, 0),
        ({"ChannelSensitivityCorrectionFactor": None}, 200, 0),
        ({"ChannelSensitivity": "0.005", "ChannelSensitivityUnitsSequence": code("mV", "UCUM", "millivolt")}, 200, 0),
        ({"ChannelBaseline": "-15"}, 200, -3),
        ({"ChannelSourceSequence": code("5.6.3-9-5", "SCPECG", "Lead V3")}, 200, 0),
        ({"ChannelSourceSequence": code("X", "LOCAL", "Lead V3")}, 200, 0),
    ],
)
def test_a_channel_is_what_it_says(changed: dict[str, Any], gain: float, added: int) -> None:
    recording = read_bytes(with_lead("V3", **changed)).recording
    assert recording.gain[8] == gain
    assert np.array_equal(recording.samples[8], ROWS[8] + added)


def test_limb_leads_that_the_device_derived_are_leads_and_a_turned_one_is_turned_back() -> None:
    rows = ROWS.copy()
    rows[3] *= -1
    codes = {"III": 111, "aVR": 65, "aVL": 113, "aVF": 114}
    sources = {lead: code(f"2:{number}", "MDC", "a lead") for lead, number in codes.items()}
    channels = [
        channel(lead, **({"ChannelSourceSequence": sources[lead]} if lead in sources else {})) for lead in LEADS
    ]
    assert np.array_equal(read_bytes(dicom([group(rows, channels)])).recording.samples, ROWS)
    derived = {"ChannelSourceSequence": code("2:33", "MDC", "Derived Lead V1")}
    assert refused(with_lead("V1", **derived)) == "missing_leads"


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"ChannelSourceSequence": code("2:1", "LOCAL", "another")}, "missing_leads"),
        ({"ChannelSourceSequence": code("2:3", "MDC", "Lead V1")}, "duplicate_lead"),
        ({"ChannelSensitivityUnitsSequence": code("mm[Hg]", "UCUM", "mmHg")}, "unknown_unit"),
        ({"ChannelSensitivity": "0"}, "bad_gain"),
        ({"ChannelBaseline": "2"}, "unsupported_baseline"),
        ({"ChannelSampleSkew": "0.5"}, "unsupported_skew"),
        ({"ChannelSensitivity": None}, "bad_gain"),
    ],
)
def test_a_channel_that_is_unclear_is_refused(changed: dict[str, Any], expected: str) -> None:
    assert refused(with_lead("V3", **changed)) == expected


@pytest.mark.parametrize(
    ("field", "written", "expected"),
    [
        ("ChannelSensitivity", b"4,875 ", "bad_gain"),
        ("ChannelSensitivity", b"4.875V", "bad_gain"),
        ("ChannelBaseline", b"Infini", "unsupported_baseline"),
        ("ChannelSampleSkew", b"1 ms  ", "unsupported_skew"),
    ],
)
def test_a_number_that_is_none_is_refused(field: str, written: bytes, expected: str) -> None:
    content = with_lead("V3", **{field: "4.875"})
    assert refused(content.replace(b"4.875 ", written)) == expected


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"NumberOfWaveformChannels": 11}, "bad_header"),
        ({"NumberOfWaveformSamples": 5001}, "wrong_length"),
        ({"NumberOfWaveformSamples": 4_000_000_000}, "wrong_length"),
        ({"NumberOfWaveformSamples": 0}, "wrong_length"),
        ({"SamplingFrequency": "0"}, "bad_rate"),
        ({"WaveformBitsAllocated": 8}, "unsupported_encoding"),
        ({"WaveformSampleInterpretation": "US"}, "unsupported_encoding"),
        ({"WaveformData": None}, "wrong_length"),
    ],
)
def test_a_waveform_that_is_not_what_it_says_is_refused(changed: dict[str, Any], expected: str) -> None:
    assert refused(dicom([group(ROWS, **changed)])) == expected


def test_groups_of_one_time_are_one_ecg_and_others_are_refused() -> None:
    limb, chest = [channel(lead) for lead in LEADS[:6]], [channel(lead) for lead in LEADS[6:]]
    assert np.array_equal(read_bytes(dicom([group(ROWS[:6], limb), group(ROWS[6:], chest)])).recording.samples, ROWS)
    later = group(ROWS[6:], chest, MultiplexGroupTimeOffset="2500")
    assert refused(dicom([group(ROWS[:6], limb), later])) == "unequal_starts"


def test_eight_leads_make_twelve_and_wide_samples_and_padding_are_read() -> None:
    rows = np.stack([ROWS[LEADS.index(lead)] for lead in EIGHT]).astype(np.int32)
    rows[7, 3] = -32_768
    wide = {
        "WaveformBitsAllocated": 32,
        "WaveformSampleInterpretation": "SL",
        "WaveformData": rows.T.astype("<i4").tobytes(),
    }
    mark = np.array([-32_768], "<i4").tobytes()
    content = dicom([group(rows, [channel(lead) for lead in EIGHT], WaveformPaddingValue=mark, **wide)])
    recording = read_bytes(content).recording
    assert recording.samples[11, 3] == MISSING
    assert np.array_equal(recording.samples[6:11], ROWS[6:11])


def test_facts_and_statements_are_the_files() -> None:
    ecg = read_bytes(dicom_file(RECORDING))
    facts = ecg.facts
    assert (facts.site, facts.location, facts.device, facts.device_software) == ("North", "Ward 7", "ELI250", "5.3")
    assert (facts.patient_id, facts.order_id, facts.age, facts.sex) == ("4711", "A-12", 60, "female")
    assert facts.measurements.pr_ms == 160
    assert ecg.readings == (Reading(source="machine", text="Sinus rhythm\nLeft axis deviation"),)


def test_a_text_that_a_physician_may_have_written_is_no_reading() -> None:
    content = dicom([group(ROWS)], WaveformAnnotationSequence=[annotation("A")], NameOfPhysiciansReadingStudy="Doe^Jo")
    assert read_bytes(content).readings == ()


def test_a_measurement_of_several_values_or_another_unit_is_none() -> None:
    said = [annotation(meaning="PR Interval", value=value) for value in ("160", "170")]
    said += [
        annotation(meaning="QT Interval Global", value="400"),
        annotation(meaning="QRS Duration", value="90", unit="s"),
    ]
    measured = read_bytes(dicom([group(ROWS)], WaveformAnnotationSequence=said)).facts.measurements
    assert (measured.pr_ms, measured.qt_ms, measured.qrs_ms) == (None, 400, None)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"AcquisitionDateTime": "20210520131518-0500"},
            datetime(2021, 5, 20, 13, 15, 18, tzinfo=timezone(timedelta(hours=-5))),
        ),
        ({"TimezoneOffsetFromUTC": "-0500"}, datetime(2021, 5, 20, 13, 15, 18, tzinfo=timezone(timedelta(hours=-5)))),
        ({"AcquisitionDateTime": "", "StudyDate": "20210521", "StudyTime": "0815"}, datetime(2021, 5, 21, 8, 15)),
        ({"AcquisitionDateTime": "2021"}, None),
    ],
)
def test_a_time_is_known_or_it_is_no_fact(fields: dict[str, str], expected: datetime | None) -> None:
    assert read_bytes(dicom([group(ROWS)], **fields)).facts.recorded_at == expected


def test_an_age_is_given_or_follows_from_the_birth() -> None:
    for fields, expected in (({"PatientAge": "006M"}, 0.5), ({"PatientAge": "", "PatientBirthDate": "19510520"}, 70.0)):
        assert read_bytes(dicom([group(ROWS)], **fields)).facts.age == expected


def test_a_file_that_ends_early_is_refused_wherever_it_ends() -> None:
    content = dicom_file(RECORDING)
    for end in range(132, len(content), 7919):
        with pytest.raises(Unreadable) as caught:
            read_bytes(content[:end])
        assert not any(name in str(caught.value) for name in ("4711", "Doe", "North"))


def test_what_the_library_cannot_read_is_not_logged(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    dicom_elements._charset.cache_clear()  # pytest has taken its filter of warnings away
    content = dicom([group(ROWS)], SpecificCharacterSet="ISO_IR 100", InstitutionName="Nürnberg")
    read_bytes(content.replace(b"ISO_IR 100", b"Quastel 47"))
    assert "Quastel" not in caplog.text + "".join(capfd.readouterr())


def test_a_file_that_is_too_large_is_not_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    content = dicom_file(RECORDING)
    monkeypatch.setattr(dicom_ecg, "MAX_DICOM_BYTES", len(content) - 1)
    assert refused(content) == "too_large"


def test_many_elements_and_items_take_bounded_time() -> None:
    content = dicom([group(ROWS[:, :500])])
    meta, last = content[: content.index(b"\x08\x00\x16\x00")], 2**19
    elements = b"".join(
        struct.pack("<HH2sH", 9 + 2 * (k // 60_000), 16 + k % 60_000, b"CS", 0) for k in range(last // 8)
    )
    sequence = struct.pack("<HH4sI", 0x5400, 0x0100, b"SQ\0\0", 0xFFFFFFFF)
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 0)
    nested = (sequence + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)) * 1000
    for hostile in (elements, sequence + item * (last // 8), sequence + item * MAX_ELEMENTS, nested):
        assert loops(partial(refused, meta + hostile)) < MOST_LOOPS


def test_memory_stays_below_what_an_upload_is_admitted_for() -> None:
    eight = dicom([group(np.tile(ROWS[:8], (1, 20)), [channel(lead) for lead in EIGHT])])
    for content in (dicom_file(RECORDING), eight):
        read_bytes(content)
        tracemalloc.start()
        recording = read_bytes(content).recording
        recording.millivolts()
        encode(recording)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < FORMAT.memory * len(content), peak / len(content)
