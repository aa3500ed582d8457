"""GE MUSE XML: real files against an independent reading, and files that are not what they should be."""

import base64
import tracemalloc
import xml.etree.ElementTree as ElementTree
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from ml.formats import LEADS, Reading, Unreadable, read
from ml.formats.muse_xml import FORMAT
from ml.formats.waveform import encode
from tests.ml.formats.muse import (
    EDITED,
    EIGHT,
    ORIGINAL,
    PATIENT,
    TEST,
    diagnosis,
    eight_leads,
    lead_data,
    muse,
    muse_file,
    waveform,
)
from tests.ml.formats.records import simulated
from tests.ml.formats.xml_text import codes, read_text

RECORDING = simulated()
RHYTHM = waveform("Rhythm", eight_leads(RECORDING))


def in_microvolts(path: Path) -> dict[str, np.ndarray]:
    """Return the rhythm leads of a file, as plainly as can be."""
    [rhythm] = [
        each for each in ElementTree.parse(path).getroot().iter("Waveform") if each.findtext("WaveformType") == "Rhythm"
    ]
    leads = {}
    for lead in rhythm.findall("LeadData"):
        samples = np.frombuffer(base64.b64decode(lead.findtext("WaveFormData") or ""), "<i2")
        leads[lead.findtext("LeadID") or ""] = samples * float(lead.findtext("LeadAmplitudeUnitsPerBit") or "")
    i, ii = leads["I"], leads["II"]
    return {**leads, "III": ii - i, "aVR": -(i + ii) / 2, "aVL": i - ii / 2, "aVF": ii - i / 2}


def test_real_files_are_what_a_plain_reading_gives(shared: Path) -> None:
    paths = sorted((shared / "formats/muse_xml").glob("*.xml"))
    assert len(paths) == 5
    for path in paths:
        recording = read({path.name: path.read_bytes()}).recording
        expected = in_microvolts(path)
        largest = max(np.abs(recording.millivolts()[k] * 1000 - expected[lead]).max() for k, lead in enumerate(LEADS))
        assert largest < 1e-9, path.name
        assert recording.samples.shape == (12, 5000)
        assert recording.sampling_rate_hz == 500


def test_a_real_file_says_what_the_machine_and_the_over_reader_said(shared: Path) -> None:
    path = shared / "formats/muse_xml/muse_ecg1.xml"
    ecg = read({path.name: path.read_bytes()})
    assert ecg.facts.recorded_at == datetime(2021, 5, 10, 13, 15, 18)
    assert (ecg.facts.device, ecg.facts.device_software, ecg.facts.location) == ("MAC55", "241", "FL Research Location")
    assert (ecg.facts.age, ecg.facts.sex, ecg.facts.patient_id) == (60, "male", "JAX01234")
    measured = ecg.facts.measurements
    assert (measured.heart_rate, measured.pr_ms, measured.qrs_ms, measured.qt_ms) == (60, 158, 78, 364)
    assert (measured.qtc_ms, measured.qtc_formula) == (364, None)
    assert (measured.p_axis, measured.qrs_axis, measured.t_axis) == (49, 54, 46)
    machine, overread = ecg.readings
    assert machine.source == "machine"
    assert (machine.text or "").splitlines()[3] == "Lateral infarct, age undetermined"
    assert (overread.source, overread.reader, overread.validated) == ("overread", "LAST, FIRST", "yes")
    assert (overread.authored_at, overread.blinded) == (datetime(2021, 5, 10, 17, 3, 33), "no")
    assert (overread.text or "").splitlines()[:3] == [
        "Ventricular-paced rhythm",
        "When compared with ECG of 10-MAY-2021 14:14,",
        "No significant change.",
    ]


@pytest.mark.parametrize("first", [True, False])
def test_the_rhythm_is_known_by_its_type_never_by_its_place(first: bool) -> None:
    median = waveform("Median", "".join(lead_data(lead, np.full(5000, 99)) for lead in LEADS))
    ecg = read_text(muse(*((median, RHYTHM) if first else (RHYTHM, median))))
    assert np.array_equal(ecg.recording.samples[6:], RECORDING.samples[6:])
    assert codes(muse(median)) == {"waveform_count"}
    assert codes(muse(RHYTHM, RHYTHM)) == {"waveform_count"}


def test_eight_leads_make_twelve_as_where_all_are_stored() -> None:
    twelve = "".join(lead_data(lead, row) for lead, row in zip(LEADS, RECORDING.samples, strict=True))
    eight = read_text(muse(RHYTHM)).recording.millivolts()
    assert np.allclose(eight, read_text(muse(waveform("Rhythm", twelve))).recording.millivolts(), atol=0.0051)


@pytest.mark.parametrize(
    ("unit", "size", "gain"), [("MICROVOLTS", "4.88", 1000 / 4.88), ("millivolts", "0.005", 200), ("uV", "-5", 200)]
)
def test_samples_are_in_units_of_any_voltage(unit: str, size: str, gain: float) -> None:
    ecg = read_text(
        muse(waveform("Rhythm", eight_leads(RECORDING, LeadAmplitudeUnits=unit, LeadAmplitudeUnitsPerBit=size)))
    )
    assert ecg.recording.gain[6] == pytest.approx(gain, rel=1e-15)
    turned = -1 if size.startswith("-") else 1
    assert np.array_equal(ecg.recording.samples[6], turned * RECORDING.samples[6])


@pytest.mark.parametrize(
    ("base", "exponent", "rate"), [("500", "0", 500), ("25", "1", 250), ("5000", "-1", 500), ("500", "", 500)]
)
def test_a_rate_is_a_base_and_an_exponent(base: str, exponent: str, rate: float) -> None:
    assert (
        read_text(muse(waveform("Rhythm", eight_leads(RECORDING), base, exponent))).recording.sampling_rate_hz == rate
    )


@pytest.mark.parametrize(("base", "exponent"), [("", "0"), ("500", "99999999"), ("0", "0"), ("-5", "0"), ("5e", "0")])
def test_a_rate_that_is_no_rate_is_refused(base: str, exponent: str) -> None:
    assert codes(muse(waveform("Rhythm", eight_leads(RECORDING), base, exponent))) == {"bad_rate"}


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"LeadDataCRC32": "1"}, "wrong_checksum"),
        ({"LeadByteCountTotal": "1"}, "wrong_length"),
        ({"LeadSampleCountTotal": "4999"}, "wrong_length"),
        ({"WaveFormData": "AAA="}, "wrong_length"),
        ({"WaveFormData": "AAAA"}, "wrong_length"),
        ({"WaveFormData": "Ää=="}, "bad_base64"),
        ({"WaveFormData": None}, "wrong_length"),
        ({"LeadSampleSize": "4"}, "unsupported_lead"),
        ({"FirstSampleBaseline": "12"}, "unsupported_lead"),
        ({"LeadAmplitudeUnits": "mmHg"}, "unknown_unit"),
        ({"LeadAmplitudeUnits": None}, "unknown_unit"),
        ({"LeadAmplitudeUnitsPerBit": "0"}, "bad_gain"),
        ({"LeadAmplitudeUnitsPerBit": "4,88"}, "bad_gain"),
        ({"LeadAmplitudeUnitsPerBit": "999999999999"}, "bad_gain"),
    ],
)
def test_a_lead_that_is_not_what_it_says_is_refused(changed: dict[str, str | None], code: str) -> None:
    damaged = lead_data("V3", RECORDING.samples[8], **changed)
    others = "".join(lead_data(lead, RECORDING.samples[LEADS.index(lead)]) for lead in EIGHT if lead != "V3")
    with pytest.raises(Unreadable) as caught:
        read_text(muse(waveform("Rhythm", others + damaged)))
    assert (caught.value.reasons[0].code, "V3" in str(caught.value)) == (code, True)


def test_all_that_is_wrong_is_said_at_once() -> None:
    leads = lead_data("I", RECORDING.samples[0], LeadDataCRC32="1") + lead_data("II", RECORDING.samples[1][:90]) * 2
    later = lead_data("V1", RECORDING.samples[6], LeadOffsetFirstSample="1250")
    assert codes(muse(waveform("Rhythm", leads + later))) == {
        "wrong_checksum",
        "duplicate_lead",
        "unequal_lengths",
        "unequal_starts",
    }
    assert codes(muse(waveform("Rhythm", lead_data("I", RECORDING.samples[0])))) == {"missing_leads"}


def test_other_leads_are_left_out_and_fields_without_a_value_prove_nothing() -> None:
    extra = lead_data("V3R", np.zeros(3, np.int16), LeadSampleSize="4")
    unproven = eight_leads(RECORDING, LeadDataCRC32="0", LeadByteCountTotal=None, LeadSampleCountTotal="")
    assert np.array_equal(
        read_text(muse(waveform("Rhythm", unproven + extra))).recording.samples,
        read_text(muse(RHYTHM)).recording.samples,
    )


@pytest.mark.parametrize("code_page", ["ISO-8859-1", "windows-1252", "UTF-8", "utf-16", "ISO-8859-15"])
def test_a_file_is_read_in_its_code_page(code_page: str) -> None:
    text = muse(
        diagnosis("OriginalDiagnosis", ["Möglicher Vorderwandinfarkt – „alt“"]),
        RHYTHM,
        head=f'<?xml version="1.0" encoding="{code_page}"?>\n',
    )
    if code_page == "ISO-8859-15":
        text = text.translate({ord(each): "-" for each in "–„“"})
    # programs that declare ISO-8859-1 write Windows-1252
    content = text.encode("windows-1252" if code_page == "ISO-8859-1" else code_page)
    [machine] = read({"e.xml": content}).readings
    assert machine.text == text.split("<StmtText>")[1].split("</StmtText>")[0]


def test_padding_and_blanks_around_values_are_left_out() -> None:
    padded = muse_file(RECORDING).replace(b"MAC55", b"MAC55\0\0\0").replace(b"4711", b" 4711 \r\n") + b"\0" * 100
    ecg = read({"e.xml": b"\n" + padded})
    assert (ecg.facts.device, ecg.facts.patient_id) == ("MAC55", "4711")


@pytest.mark.parametrize(
    ("status", "flags", "original", "expected"),
    [
        ("CONFIRMED", "", True, [("machine", ORIGINAL), ("overread", EDITED)]),
        ("Confirmed", "", False, [("overread", EDITED)]),
        ("UNCONFIRMED", "", True, [("machine", ORIGINAL)]),
        ("UNCONFIRMED", "<StmtFlag>USERINSERT</StmtFlag>", True, [("machine", ORIGINAL), ("overread", EDITED)]),
        ("UNCONFIRMED", "", False, [("machine", EDITED)]),
        ("", "", False, [("machine", EDITED)]),
    ],
)
def test_a_diagnosis_is_an_over_read_where_a_person_answers_for_it(
    status: str, flags: str, original: bool, expected: list[tuple[str, tuple[str, ...]]]
) -> None:
    ecg = read_text(
        muse(
            f"<TestDemographics><Status>{status}</Status>{TEST}</TestDemographics>",
            diagnosis("Diagnosis", EDITED, f"<StmtFlag>ENDSLINE</StmtFlag>{flags}"),
            diagnosis("OriginalDiagnosis", ORIGINAL if original else ()),
            RHYTHM,
        )
    )
    assert [(each.source, tuple((each.text or "").splitlines())) for each in ecg.readings] == expected
    for each in ecg.readings:
        if each.source == "overread":
            confirmed = status.lower() == "confirmed"
            assert each == Reading(
                source="overread",
                text="\n".join(EDITED),
                reader="DOE, JO",
                authored_at=datetime(2021, 5, 21, 17, 3, 33),
                blinded="no" if original else "unknown",
                validated="yes" if confirmed else "no",
            )


def test_what_the_device_measured_is_what_nobody_edited() -> None:
    edited = "<RestingECGMeasurements><VentricularRate>75</VentricularRate><PAxis>266</PAxis></RestingECGMeasurements>"
    original = edited.replace("Resting", "OriginalResting").replace("75", "150")
    measured = read_text(muse(edited, original, RHYTHM)).facts.measurements
    assert (measured.heart_rate, measured.p_axis) == (150, -94)
    assert read_text(muse(edited, RHYTHM)).facts.measurements.heart_rate == 75


@pytest.mark.parametrize(
    ("test", "patient", "expected"),
    [
        (TEST, PATIENT, datetime(2021, 5, 20, 13, 15, 18)),
        (
            TEST.replace("05-20-2021", "20-05-2021").replace("05-21", "21-05"),
            PATIENT,
            datetime(2021, 5, 20, 13, 15, 18),
        ),
        # the date of birth shows that the file writes the day first
        (
            TEST.replace("05-20-2021", "05-10-2021").replace("05-21", "06-10"),
            PATIENT + "<DateofBirth>31-01-1960</DateofBirth>",
            datetime(2021, 10, 5, 13, 15, 18),
        ),
        # two dates contradict one another: neither is known
        (TEST, PATIENT + "<DateofBirth>31-01-1960</DateofBirth>", None),
        (TEST.replace("13:15:18", ""), PATIENT, None),
        (TEST.replace("05-20-2021", "2021-05-20"), PATIENT, datetime(2021, 5, 20, 13, 15, 18)),
    ],
)
def test_a_date_is_known_or_it_is_no_fact(test: str, patient: str, expected: datetime | None) -> None:
    assert read({"e.xml": muse_file(RECORDING, test=test, patient=patient)}).facts.recorded_at == expected


def test_numbers_of_zeros_are_nobodys() -> None:
    facts = read({"e.xml": muse_file(RECORDING, patient="<PatientID>000000000</PatientID>")}).facts
    assert (facts.patient_id, facts.age, facts.sex) == (None, None, None)


def test_an_order_is_known_by_its_number_not_by_an_account() -> None:
    order = "<Order><HISAccountNumber>77</HISAccountNumber><OrderNumber>A-12</OrderNumber></Order>"
    assert read_text(muse(order, RHYTHM)).facts.order_id == "A-12"
    assert read_text(muse(order.replace("OrderNumber", "Other"), RHYTHM)).facts.order_id is None


def test_a_file_that_ends_early_is_refused_wherever_it_ends() -> None:
    content = muse_file(RECORDING)
    for end in range(200, len(content), 9973):
        with pytest.raises(Unreadable) as caught:
            read({"e.xml": content[:end]})
        assert {reason.code for reason in caught.value.reasons} <= {"bad_xml", "unknown_format"}


def test_an_upload_is_one_file() -> None:
    content = muse_file(RECORDING)
    with pytest.raises(Unreadable) as caught:
        read({"a.xml": content, "b.xml": content})
    assert caught.value.reasons[0].code == "file_count"
    assert read({"a.xml": content, "a.txt": b"notes"}).recording.samples.shape == (12, 5000)


def test_no_reason_quotes_what_identifies() -> None:
    content = muse_file(RECORDING)
    for old, new in (
        (b"<LeadID>V3</LeadID>", b"<LeadID>4711</LeadID>"),
        (b"Rhythm", b"4711"),
        (b"</DateofBirth", b"<4711"),
    ):
        with pytest.raises(Unreadable) as caught:
            read({"4711.xml": content.replace(old, new) if old in content else content[:-20]})
        assert not any(name in str(caught.value) for name in ("4711", "DOE", "North"))


def test_memory_stays_below_what_an_upload_is_admitted_for() -> None:
    content = muse_file(RECORDING)
    read({"e.xml": content})
    tracemalloc.start()
    recording = read({"e.xml": content}).recording
    recording.millivolts()
    encode(recording)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < FORMAT.memory * len(content)
