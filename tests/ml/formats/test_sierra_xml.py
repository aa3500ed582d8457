"""Philips XML: real files against a plain decoder, and files that are not what they should be."""

import base64
import struct
import tracemalloc
import xml.etree.ElementTree as ElementTree
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from ml.formats import LEADS, Recording, Unreadable, read
from ml.formats.sierra_xml import EXPANSION, FORMAT
from ml.formats.waveform import encode
from tests.ml.formats.records import simulated
from tests.ml.formats.sierra import (
    MACHINE,
    NAMESPACE,
    PATIENT,
    SIGNED_BY,
    coded,
    interpretation,
    sierra,
    sierra_file,
    statement,
    waveform,
    wrapped,
)
from tests.ml.formats.xml_text import read_text

ROWS = simulated().samples[:, :1500]
STORED = waveform(ROWS)


def code(text: str) -> str:
    with pytest.raises(Unreadable) as caught:
        read_text(text)
    [reason] = caught.value.reasons
    return reason.code


def plain_lead(content: bytes, first: int) -> list[int]:
    """Decode a lead step by step: codes, bytes, words, second differences."""
    bits = "".join(f"{byte:08b}" for byte in content)
    table = [bytes([value]) for value in range(256)]
    unpacked, previous = b"", b""
    for place in range(0, len(bits) - 9, 10):
        code = int(bits[place : place + 10], 2)
        if code > 1022:
            break
        string = table[code] if code < len(table) else previous + previous[:1]
        if previous and len(table) < 1023:
            table.append(previous + string[:1])
        unpacked, previous = unpacked + string, string
    half = len(unpacked) // 2
    words = [wrapped(unpacked[k] * 256 + unpacked[half + k]) for k in range(half)]
    values = words[:2]
    for word in words[2:]:
        values.append(wrapped(2 * values[-1] - values[-2] - first))
        first = word - 64
    return values


def in_units(path: Path) -> dict[str, list[int]]:
    waveforms = ElementTree.parse(path).getroot().find(f".//{{{NAMESPACE}}}parsedwaveforms")
    assert waveforms is not None
    content, place, leads = base64.b64decode(waveforms.text or ""), 0, []
    while place < len(content):
        size, _, first = struct.unpack_from("<ihh", content, place)
        leads.append(plain_lead(content[place + 8 : place + 8 + size], first))
        place += 8 + size
    one, two, three, avr, avl, avf = leads[:6]
    for k in range(len(one)):
        three[k] = two[k] - one[k] - three[k]
        avr[k] = -avr[k] - int((one[k] + two[k]) / 2)
        avl[k] = int((one[k] - three[k]) / 2) - avl[k]
        avf[k] = int((two[k] + three[k]) / 2) - avf[k]
    return dict(zip(LEADS, leads, strict=False))


REAL = {"129DYPRG.XML": 5264, "2020-5-18_15-48-11.xml": 5300, "3191723_ZZDEMOPTONLY_1-04_orig.xml": 5300}


@pytest.mark.parametrize(("name", "samples"), [*REAL.items(), ("ad4d3d80-d165_1-04_orig.xml", 5300)])
def test_real_files_are_what_a_plain_decoder_gives_without_the_calibration(
    shared: Path, name: str, samples: int
) -> None:
    path = shared / "formats/philips_sierra_xml" / name
    recording = read({name: path.read_bytes()}).recording
    stored = in_units(path)
    assert (recording.samples.shape, recording.sampling_rate_hz, set(recording.gain)) == ((12, samples), 500, {200.0})
    for lead, row in zip(LEADS, recording.samples, strict=True):
        assert row.tolist() == stored[lead][:samples], lead
        assert set(stored[lead][samples:]) == {0, 200}, lead  # a pulse of 1 mV, and zeros


def test_a_real_file_says_what_the_machine_and_the_clinician_said(shared: Path) -> None:
    path = shared / "formats/philips_sierra_xml/ad4d3d80-d165_1-04_orig.xml"
    ecg = read({path.name: path.read_bytes()})
    facts, measured = ecg.facts, ecg.facts.measurements
    assert facts.recorded_at == datetime(2008, 12, 23, 19, 44, 46)
    assert (facts.device, facts.device_software, facts.location) == ("PageWriter Touch", "0A", "70")
    assert (facts.age, facts.sex) == (33, "female")
    assert (measured.heart_rate, measured.pr_ms, measured.qt_ms) == (41, 144, 564)
    assert (measured.qtc_ms, measured.qtc_formula, measured.qrs_axis) == (466, "bazett", 85)
    machine, overread = ecg.readings
    assert (machine.source, machine.text) == ("machine", "SINUS BRADYCARDIA")
    assert (overread.text or "").splitlines() == [
        "SINUS BRADYCARDIA",
        "NO PREVIOUS TRACING AVAILABLE FOR COMPARISON",
        "OTHERWISE NORMAL ECG",
    ]
    assert (overread.reader or "").startswith("Masoudi")
    assert (overread.authored_at, overread.validated, overread.blinded) == (
        datetime(2008, 12, 24, 7, 15, 13),
        "yes",
        "no",
    )


def test_version_1_03_has_its_layout_elsewhere(shared: Path) -> None:
    path = shared / "formats/philips_sierra_xml/129DYPRG.XML"
    ecg = read({path.name: path.read_bytes()})
    assert (ecg.facts.site, ecg.facts.location, ecg.facts.device) == ("GE EMS", "EMS", "HeartstartMRx")
    assert (ecg.facts.age, ecg.facts.measurements.qtc_ms, ecg.facts.measurements.qtc_formula) == (50, 393, None)
    [machine] = ecg.readings
    assert (machine.text or "").splitlines()[2] == "Inferior infarct, acute (LCx)"


@pytest.mark.parametrize("compressed", [True, False])
def test_a_waveform_comes_back(compressed: bool) -> None:
    recording = read_text(sierra(waveform(ROWS, compressed=compressed))).recording
    assert np.array_equal(recording.samples, ROWS)
    assert (recording.sampling_rate_hz, set(recording.gain)) == (500, {200.0})


def test_resolution_rate_and_offset_are_the_files() -> None:
    stored = waveform(ROWS, resolution="2.5", samplespersecond="1000", durationperchannel="1500", signaloffset="10")
    recording = read_text(sierra(stored)).recording
    assert (recording.sampling_rate_hz, set(recording.gain)) == (1000, {400.0})
    assert np.array_equal(recording.samples, ROWS - 10)


def test_only_what_all_leads_share_at_the_end_is_cut() -> None:
    pulse = np.tile(np.repeat([0, 200, 0], [50, 100, 50]), (12, 1))
    cut = read_text(sierra(waveform(np.concatenate([ROWS, pulse], axis=1)))).recording
    assert np.array_equal(cut.samples, ROWS)
    short = np.concatenate([ROWS, np.zeros((12, 20), int)], axis=1)
    assert read_text(sierra(waveform(short))).recording.samples.shape[1] == 1520


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (sierra(STORED, version="1.05"), "unsupported_version"),
        (sierra(""), "waveform_count"),
        (sierra(STORED * 2), "waveform_count"),
        (sierra(waveform(ROWS, dataencoding="Hex")), "unsupported_encoding"),
        (sierra(waveform(ROWS, bitspersample="12")), "unsupported_encoding"),
        (sierra(waveform(ROWS, signalsigned="False")), "unsupported_encoding"),
        (sierra(waveform(ROWS, compression="ZIP")), "unsupported_compression"),
        (sierra(waveform(ROWS, compression=None)), "wrong_length"),
        (sierra(waveform(ROWS, samplespersecond="0")), "bad_rate"),
        (sierra(waveform(ROWS, resolution="0")), "bad_gain"),
        (sierra(waveform(ROWS, durationperchannel="Failed")), "bad_header"),
        (sierra(waveform(ROWS, durationperchannel="999999999")), "bad_length"),
        (sierra(waveform(ROWS, durationperchannel="2000")), "bad_compression"),
        (sierra(waveform(ROWS, durationperchannel="4000")), "bad_compression"),
        (sierra(waveform(ROWS, numberofleads="11")), "bad_header"),
        (sierra(waveform(ROWS, leadlabels=None)), "unsupported_leads"),
        (sierra(waveform(ROWS, leadlabels="II I III aVR aVL aVF V1 V2 V3 V4 V5 V6")), "unsupported_leads"),
        (sierra(waveform(ROWS, leadlabels="I II III aVR aVL aVF V1 V1 V3 V4 V5 V6")), "duplicate_lead"),
        (sierra(waveform(ROWS, leadlabels="I II III aVR aVL aVF V3R V2 V3 V4 V5 V6")), "missing_leads"),
        (sierra(STORED.replace("</parsed", "?</parsed")), "bad_base64"),
        (sierra(waveform(np.zeros((12, 90_000), int))), "too_long"),
    ],
)
def test_what_is_not_what_it_says_is_refused(text: str, expected: str) -> None:
    assert code(text) == expected


@pytest.mark.parametrize(
    ("statements", "components", "signed", "expected"),
    [
        (statement("A"), coded("A"), "", [("machine", "A\nABNORMAL ECG")]),
        (statement("A"), coded("A"), SIGNED_BY, [("machine", "A\nABNORMAL ECG"), ("overread", "A\nABNORMAL ECG")]),
        # a clinician added B and deleted "PROBABLE C"
        (
            statement("A") + statement("B", edited=True),
            coded("A") + coded("C", deleted=True, modifier="PROBABLE") + coded("B", source="Editor"),
            SIGNED_BY,
            [("machine", "A\nPROBABLE C"), ("overread", "A\nB\nABNORMAL ECG")],
        ),
        # a clinician changed A: what the program had said is not known
        (statement("A", edited=True), coded("A"), SIGNED_BY, [("overread", "A\nABNORMAL ECG")]),
        (statement("A"), coded("A", changed=True), SIGNED_BY, [("overread", "A\nABNORMAL ECG")]),
        (statement("A", edited=True), coded("A", source="Editor"), "", []),
        (
            statement("A"),
            coded("A"),
            "<mdsignatureline>Unconfirmed diagnosis</mdsignatureline>",
            [("machine", "A\nABNORMAL ECG")],
        ),
    ],
)
def test_statements_are_the_machines_or_the_clinicians(
    statements: str, components: str, signed: str, expected: list[tuple[str, str]]
) -> None:
    ecg = read_text(sierra(STORED, interpretations=interpretation(statements, components, signed)))
    assert [(each.source, each.text) for each in ecg.readings] == expected


def test_a_signature_names_the_reader_where_nothing_else_does() -> None:
    signed = "<mdsignatureline>Confirmed by: Doe, Jo</mdsignatureline>"
    ecg = read_text(sierra(STORED, interpretations=interpretation(statement("A"), coded("A"), signed)))
    assert [(each.source, each.reader) for each in ecg.readings] == [("machine", None), ("overread", "Doe, Jo")]


def test_facts_are_what_the_program_measured_and_nobody_edited() -> None:
    facts = read_text(sierra(STORED)).facts
    assert (facts.site, facts.location, facts.device, facts.device_software) == (
        "North",
        "Ward 7",
        "PageWriter TC",
        "0B",
    )
    assert (facts.patient_id, facts.age, facts.sex) == ("4711", 60, "female")
    measured = facts.measurements
    assert (measured.heart_rate, measured.pr_ms, measured.qrs_ms, measured.qtc_ms) == (75, 160, None, 447)
    assert (measured.p_axis, measured.qrs_axis) == (None, -34)


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        ('<age defaultage="50"/>', None),
        ('<age defaultage="50"><dateofbirth>1951-05-20</dateofbirth></age>', 70),
        ("<age><months>6</months></age>", 0.5),
        ("<age><dateofbirth>2051-05-20</dateofbirth></age>", None),
    ],
)
def test_an_age_that_a_program_assumes_is_no_fact(age: str, expected: float | None) -> None:
    assert read_text(sierra(STORED, patient=f"<patientid>0000</patientid>{age}")).facts.age == expected


def test_a_file_that_ends_early_is_refused_wherever_it_ends() -> None:
    content = sierra_file(Recording(ROWS, np.full(12, 200.0), 500.0))
    for end in range(200, len(content), 4999):
        with pytest.raises(Unreadable):
            read({"e.xml": content[:end]})


def test_no_reason_quotes_what_identifies() -> None:
    damaged = (STORED.replace("V3", "4711"), STORED.replace("Base64", "4711"), STORED.replace("XLI", "4711"))
    for text in [sierra(each) for each in damaged] + [sierra(STORED, version="4711"), sierra(STORED)[:-9]]:
        with pytest.raises(Unreadable) as caught:
            read({"4711.xml": text.encode()})
        assert "4711" not in str(caught.value)


def test_memory_stays_below_what_an_upload_is_admitted_for(shared: Path) -> None:
    real = (shared / "formats/philips_sierra_xml/129DYPRG.XML").read_bytes()
    zeros = np.zeros((12, 8_000), int)
    zeros[6, -1] = 1
    densest = sierra(waveform(zeros)).encode()
    assert 8_000 * EXPANSION < len(densest) < 8_800 * EXPANSION
    for content in (real, densest):
        read({"e.xml": content})
        tracemalloc.start()
        recording = read({"e.xml": content}).recording
        recording.millivolts()
        encode(recording)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < FORMAT.memory * len(content)


def test_made_files_are_as_real_ones() -> None:
    assert (
        read_text(sierra(STORED, interpretations=MACHINE, patient=PATIENT)).readings[0].text
        == "Sinus rhythm\nABNORMAL ECG"
    )
