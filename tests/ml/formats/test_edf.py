"""EDF against edfio and a plain writer, and against files that lie."""

from datetime import datetime
from io import BytesIO

import edfio
import numpy as np
import pytest

from ml import formats
from ml.formats import LEADS, EcgFile, Recording, Unreadable
from ml.formats.edf import is_edf
from ml.formats.recording import MISSING
from ml.formats.waveform import digest
from tests.cost import cheap
from tests.ml.formats.edf import annotated, edf_file, plain_edf, steps
from tests.ml.formats.records import simulated

WHOLE = steps(simulated())
COLUMNS = list(zip(LEADS, WHOLE, strict=True))


def read(content: bytes) -> EcgFile:
    return formats.read({"e.edf": content})


def codes(content: bytes) -> set[str]:
    with pytest.raises(Unreadable) as caught:
        read(content)
    return {reason.code for reason in caught.value.reasons}


def test_a_file_is_what_the_library_reads() -> None:
    content = edf_file(simulated())
    recording = read(content).recording
    library = edfio.read_edf(BytesIO(content))
    expected = np.stack([signal.data for signal in library.signals])
    assert np.abs(recording.millivolts() * 1000 - expected).max() < 1e-9
    assert np.abs(recording.millivolts() - simulated().millivolts()).max() <= 0.00026
    assert set(recording.gain) == {2000.0}


@pytest.mark.parametrize(
    ("ranges", "unit"),
    [
        (("-5", "5", "-32768", "32767"), "mV"),
        (("-3276.8", "3276.7", "-32768", "32767"), "uV"),
        (("3276.7", "-3276.8", "-32768", "32767"), "uV"),
        (("-5000", "4000", "-2048", "2047"), "µV"),
        (("-10.123", "9.877", "-30000", "31000"), "mV"),
        (("-1e-2", "1e-2", "-32768", "32767"), "V"),
        (("0", "65535", "0", "32767"), "uV"),
        ((".5", "7.", "-100", "100"), "mV"),
    ],
)
def test_every_scale_is_what_the_library_makes_of_it(ranges: tuple[str, str, str, str], unit: str) -> None:
    """Where zero lies between two integers, it is read in finer steps: exactly, or to 1/128 of a step."""
    columns = [(lead, np.clip(samples, int(ranges[2]), int(ranges[3]))) for lead, samples in COLUMNS]
    content = plain_edf(columns, ranges=ranges, unit=unit)
    signal = read(content).recording.millivolts()
    factor = {"mV": 1.0, "uV": 1e-3, "µV": 1e-3, "V": 1e3}[unit]
    least, greatest, low, high = map(float, ranges)
    stored = np.stack([samples for _, samples in columns])
    expected = factor * (least + (stored - low) * (greatest - least) / (high - low))
    step = abs(factor * (greatest - least) / (high - low))
    assert np.abs(signal - expected).max() <= step / 128 + 1e-12
    if unit != "µV":  # which is no ASCII, and so no EDF to the library
        library = np.stack([each.data for each in edfio.read_edf(BytesIO(content)).signals])
        assert np.abs(signal - factor * library).max() <= step / 128 + 1e-9


@pytest.mark.parametrize(
    ("records", "duration", "rate"), [(10, "1", 500), (50, ".2", 500), (1, "10", 500), (4, "5", 250)]
)
def test_the_rate_is_samples_by_duration(records: int, duration: str, rate: float) -> None:
    recording = read(plain_edf(COLUMNS, records=records, duration=duration)).recording
    assert recording.sampling_rate_hz == rate
    assert np.array_equal(recording.samples, WHOLE)
    assert set(recording.gain) == {1000.0}


def test_leads_go_by_name_and_other_signals_are_left_out() -> None:
    names = [("EKG V6", 11), ("ECG aVR", 3), ("I", 0), ("DII", 1), *((f"C{n}", n + 5) for n in range(1, 6))]
    columns = [(label, WHOLE[lead]) for label, lead in names]
    columns[1:1] = [("EEG Fpz-Cz", WHOLE[0][::5] * 0 + 7), ("V3R", WHOLE[2]), ("Resp oro-nasal", np.arange(10))]
    recording = read(plain_edf(columns)).recording
    kept = [0, 1, 3, *range(6, 12)]
    assert np.array_equal(recording.millivolts()[kept], WHOLE[kept] / 1000)
    turned = [("-aVR" if lead == "aVR" else lead, -x if lead == "aVR" else x) for lead, x in COLUMNS]
    assert np.array_equal(read(plain_edf(turned)).recording.millivolts(), WHOLE / 1000)


def test_facts_are_in_edf_plus_alone() -> None:
    facts = read(edf_file(simulated())).facts
    assert facts.recorded_at == datetime(2021, 5, 20, 13, 15, 18)
    assert (facts.patient_id, facts.order_id, facts.sex, facts.age) == ("PAT-815", "ORD-99", "female", 61.2)
    assert facts.device == "MAC 55"
    assert "Quastelheimer" not in repr(facts) and "Brombacher" not in repr(facts)
    plain = read(plain_edf(COLUMNS, patient="4711 F 04-MAR-1960 Quastelheimer", recording="Startdate X X X MAC")).facts
    assert (plain.patient_id, plain.sex, plain.device) == (None, None, None)
    assert plain.recorded_at == datetime(2021, 5, 20, 13, 15, 18)
    assert read(edf_file(simulated())).readings == ()  # an annotation does not say whose it is


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("01.01.8500.00.00", None),
        ("20.05.8513.15.18", datetime(1985, 5, 20, 13, 15, 18)),
        ("20.05.8413.15.18", datetime(2084, 5, 20, 13, 15, 18)),
        ("20.13.2113.15.18", None),
        ("20.05.2125.15.18", None),
        ("20/05/2113:15:18", None),
        ("", None),
    ],
)
def test_dates(start: str, expected: datetime | None) -> None:
    assert read(plain_edf(COLUMNS, start=start)).facts.recorded_at == expected


@pytest.mark.parametrize("width", [2, 3])
def test_records_are_put_where_they_say_that_they_begin(width: int) -> None:
    plus, kind = ("EDF+", "EDF Annotations") if width == 2 else ("BDF+", "BDF Annotations")
    full = dict(zip((2, 3), (("-32768", "32767"), ("-8388608", "8388607")), strict=True))[width]

    def with_onsets(onsets: list[str], form: str = "D", duration: str = "1") -> bytes:
        columns = [*COLUMNS, (kind, annotated(onsets, width))]
        return plain_edf(columns, reserved=plus + form, width=width, ranges=(*full, *full), duration=duration)

    onsets = [f"+{second}" for second in range(10)]
    for follows in (onsets, [f"+{second + 0.5:g}" for second in range(10)]):
        assert np.array_equal(read(with_onsets(follows)).recording.samples, WHOLE)
    broken = [*onsets[:5], "+6", "+7", "+9.5", "+10.501", "+12"]
    recording = read(with_onsets(broken)).recording
    expected = np.full((12, 6500), MISSING)
    for record, place in enumerate([0, 500, 1000, 1500, 2000, 3000, 3500, 4750, 5250, 6000]):
        expected[:, place : place + 500] = WHOLE[:, 500 * record : 500 * (record + 1)]
    assert np.array_equal(recording.samples, expected)
    assert np.array_equal(read(with_onsets(broken, "C")).recording.samples, WHOLE)
    for wrong in (["x"] * 10, ["+0"] * 10, [*onsets[:8], "+9", "+8"], ["+0", "+0.9", *onsets[2:]]):
        assert codes(with_onsets(wrong)) == {"unsupported_gaps"}
    assert codes(with_onsets([*onsets[:9], "+999999999999"])) == {"too_long"}
    assert codes(plain_edf(COLUMNS, reserved="EDF+D")) == {"unsupported_gaps"}


@pytest.mark.parametrize("largest", [262_144, 262_143, 5000])
def test_bdf_is_what_the_library_reads(largest: int) -> None:
    signal_uv = simulated().millivolts() * 1000
    signals = [
        edfio.BdfSignal(lead_uv, 500, label=lead, physical_dimension="uV", physical_range=(-largest, largest))
        for lead, lead_uv in zip(LEADS, signal_uv, strict=True)
    ]
    content = edfio.Bdf(signals, annotations=[edfio.EdfAnnotation(0.5, None, "Sinus rhythm")]).to_bytes()
    recording = read(content).recording
    expected = np.stack([signal.data for signal in edfio.read_bdf(BytesIO(content)).signals])
    step_uv = 2 * largest / (2**24 - 1)
    assert np.abs(recording.millivolts() * 1000 - expected).max() <= step_uv / 128 + 1e-9
    assert np.abs(recording.millivolts() * 1000 - signal_uv).max() <= step_uv


def test_lies_are_found() -> None:
    content = plain_edf(COLUMNS)
    assert codes(content[:-2]) == {"wrong_length"}
    assert codes(content + b"\1" * 20) == {"wrong_length"}
    assert np.array_equal(read(content + bytes(120_000)).recording.samples, WHOLE)
    open_end = content[:236] + b"-1      " + content[244:]
    assert np.array_equal(read(open_end + bytes(100)).recording.samples, WHOLE)
    assert codes(content.replace(b"uV      ", b"mmHg    ")) == {"unknown_unit"}
    assert codes(plain_edf(COLUMNS, ranges=("5", "5", "-32768", "32767"))) == {"bad_gain"}
    assert codes(plain_edf(COLUMNS, ranges=("-5", "5", "7", "7"))) == {"bad_gain"}
    assert codes(plain_edf(COLUMNS, ranges=("-5", "1e999999", "-7", "7"))) == {"bad_gain"}
    assert codes(plain_edf(COLUMNS, duration="0")) == {"bad_rate"}
    assert codes(plain_edf(COLUMNS, duration="1e-9")) == {"bad_rate"}
    assert codes(plain_edf(COLUMNS[:11])) == {"missing_leads"}
    assert codes(plain_edf([*COLUMNS, COLUMNS[0]])) == {"duplicate_lead"}
    assert codes(plain_edf([*COLUMNS[:11], ("V6", WHOLE[11][::2])])) == {"unequal_rates"}
    assert codes(content[:100]) == {"unknown_format"}
    assert not is_edf(content.replace(b"3328    ", b"3327    ", 1))


@pytest.mark.parametrize("field", [b"99999999", b"-9999999", b"1e9     ", b"0       "])
@pytest.mark.parametrize("place", [236, 244, 256 + 12 * 216])
def test_a_number_that_claims_much_costs_nothing(field: bytes, place: int) -> None:
    content = bytearray(plain_edf(COLUMNS))
    content[place : place + 8] = field
    with cheap(5_000_000):
        try:
            assert read(bytes(content)).recording.samples.shape == (12, 5000)
        except Unreadable as error:
            assert {reason.code for reason in error.reasons} <= {
                "wrong_length",
                "bad_rate",
                "bad_header",
                "unequal_rates",
            }


def test_one_ecg_in_two_formats_is_one_ecg() -> None:
    from ml.formats.wfdb import write_wfdb

    recording = Recording(WHOLE.astype(np.int32), np.full(12, 1000.0), 500.0)
    assert digest(read(plain_edf(COLUMNS)).recording) == digest(formats.read(write_wfdb(recording, "r")).recording)
