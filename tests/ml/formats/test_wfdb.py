"""WFDB from bytes, against the `wfdb` library and against files that lie."""

import warnings
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml import formats
from ml.formats import LEADS, Recording, Unreadable
from ml.formats.waveform import digest
from ml.formats.wfdb import write_wfdb
from ml.formats.wfdb_header import comments, facts_of
from tests.ml.formats.records import lead_columns, record_of, simulated, simulated_files


def read(files: dict[str, bytes]) -> Recording:
    return formats.read(files).recording


def codes(files: dict[str, bytes]) -> set[str]:
    with pytest.raises(Unreadable) as caught:
        read(files)
    return {reason.code for reason in caught.value.reasons}


@pytest.mark.parametrize("folder", ["wfdb", "ptbxl/records500"])
def test_real_records_are_what_the_library_reads(shared: Path, folder: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import wfdb
    headers = sorted((shared / folder).rglob("*.hea"))
    assert headers
    compared = 0
    for header in headers:
        files = {
            p.name: p.read_bytes()
            for p in header.parent.glob(f"{header.stem}.*")
            if p.suffix in (".hea", ".dat", ".mat")
        }
        named = {line.split()[0] for line in header.read_text().splitlines()[1:] if line and not line.startswith("#")}
        if not named <= set(files):
            assert codes(files) == {"missing_file"}
            continue
        recording = read(files)
        try:
            expected = wfdb.rdrecord(str(header.with_suffix("")))
        except Exception:  # the library refuses record names with a dot
            assert header.stem in header.read_text().split()[0] and "." in header.read_text().split()[0]
            continue
        names = [name.lower() for name in expected.sig_name]
        signal = expected.p_signal[:, [names.index(lead.lower()) for lead in LEADS]].T
        assert np.array_equal(recording.millivolts(), signal, equal_nan=True), header.name
        compared += 1
    assert compared > 0.8 * len(headers)


def test_what_is_written_is_read() -> None:
    recording = simulated()
    again = read(write_wfdb(recording, "r"))
    assert np.array_equal(again.millivolts(), recording.millivolts())


def test_leads_go_by_name_not_by_place() -> None:
    """MIMIC-IV-ECG lists aVF before aVL."""
    files = write_wfdb(simulated(), "r")
    head, *lines = files["r.hea"].decode().splitlines()
    lines[4], lines[5] = lines[5], lines[4]
    data = np.frombuffer(files["r.dat"], "<i2").reshape(-1, 12)
    swapped = data[:, [0, 1, 2, 3, 5, 4, *range(6, 12)]].tobytes()
    moved = read({"r.hea": "\n".join([head, *lines]).encode(), "r.dat": swapped})
    assert np.array_equal(moved.millivolts(), read(files).millivolts())


@pytest.mark.parametrize(("unit", "factor"), [("uV", 1e-3), ("V", 1e3), ("mv", 1.0), ("nV", 1e-6)])
def test_units_become_millivolts(unit: str, factor: float) -> None:
    files = write_wfdb(simulated(), "r")
    changed = files["r.hea"].replace(b"/mV", f"/{unit}".encode())
    signal = read({"r.hea": changed, "r.dat": files["r.dat"]}).millivolts()
    assert np.allclose(signal, factor * read(files).millivolts(), rtol=1e-12)


def test_eight_stored_leads_give_twelve() -> None:
    files = write_wfdb(simulated(), "r")
    head, *lines = files["r.hea"].decode().splitlines()
    kept = [0, 1, *range(6, 12)]
    header = "\n".join([head.replace(" 12 ", " 8 "), *(lines[i] for i in kept)])
    data = np.frombuffer(files["r.dat"], "<i2").reshape(-1, 12)[:, kept].tobytes()
    derived = read({"r.hea": header.encode(), "r.dat": data}).millivolts()
    assert np.allclose(derived, read(files).millivolts(), atol=1e-12)


def test_lies_are_found() -> None:
    files = write_wfdb(simulated(), "r")
    hea, dat = files["r.hea"], files["r.dat"]
    flipped = bytes([dat[1000] ^ 1]) + dat[1001:]
    assert codes({"r.hea": hea, "r.dat": dat[:1000] + flipped}) == {"wrong_checksum"}
    assert codes({"r.hea": hea, "r.dat": dat[:-24]}) == {"wrong_length"}
    assert codes({"r.hea": hea.replace(b" 5000\n", b" 2000000000\n"), "r.dat": dat}) == {"too_long"}
    assert codes({"r.hea": hea.replace(b" V3\n", b" V9\n"), "r.dat": dat}) == {"missing_leads"}
    assert codes({"r.hea": hea.replace(b" V3\n", b" V2\n"), "r.dat": dat}) == {"duplicate_lead"}
    assert codes({"r.hea": hea.replace(b"r.dat 16", b"r.dat 212"), "r.dat": dat}) >= {"wrong_checksum"}
    assert codes({"r.hea": hea.replace(b"r.dat 16", b"r.dat 17"), "r.dat": dat}) == {"unsupported_format"}
    assert codes({"r.hea": hea.replace(b"r.dat 16", b"r.dat 516"), "r.dat": dat}) == {"bad_signal_file"}
    assert codes({"r.hea": hea.replace(b"r.dat 16", b"/etc/passwd 16"), "r.dat": dat}) == {"missing_file"}
    assert codes({"r.dat": dat}) == {"unknown_format"}


@pytest.mark.parametrize(
    "foreign",
    [
        "16 16(800)/mmHg 16 0 {first} {sum} 0 ABP",
        "16 1/% 16 0 {first} {sum} 0 SpO2",
        "16 1/bpm 16 0 {first} {sum} 0 HR",
        "16 1000/mV 16 0 {first} 12345 0 V3R",  # wrong checksum
        "16 1000/mV 16 0 999 {sum} 0 MLII",  # wrong first sample
        "16 0/furlongs 16 nonsense x y z aVR (inverted)",
        "16 1/" + "9" * 12_000 + " 16 0 {first} {sum} 0 RESP",
        "16",
    ],
)
@pytest.mark.parametrize("place", [0, 5, 12])
def test_a_signal_that_is_no_lead_is_skipped_whatever_it_says(foreign: str, place: int) -> None:
    columns = lead_columns()
    columns.insert(place, (foreign, np.arange(5000) % 800))
    assert digest(read(record_of(columns))) == digest(simulated())


def test_a_foreign_signal_may_have_several_samples_a_frame() -> None:
    columns = lead_columns()
    columns.insert(3, ("16x3 1/mmHg 16 0 0 0 0 ABP", np.zeros(5000)))
    files = record_of(columns)
    frames = np.frombuffer(files["r.dat"], "<i2").reshape(5000, 13)
    wide = np.insert(frames, [4, 4], 77, axis=1)
    assert digest(read({**files, "r.dat": wide.tobytes()})) == digest(simulated())


def test_a_file_without_a_lead_need_not_be_there() -> None:
    files = simulated_files()
    header = files["r.hea"].replace(b"r 12 ", b"r 13 ") + b"r.xyz 212 2000 12 0 1 2 0 vx\n"
    assert digest(read({"r.hea": header, "r.dat": files["r.dat"]})) == digest(simulated())


def test_wrong_things_about_a_lead_are_still_refused() -> None:
    columns = lead_columns()
    for fields, code in [
        ("16 1000/mmHg 16 0 {first} {sum} 0 V6", "unknown_unit"),
        ("16 1000/mV 16 0 {first} 1 0 V6", "wrong_checksum"),
        ("16 1000/mV 16 0 1 {sum} 0 V6", "wrong_initial_value"),
        ("16 1000/mV 16 0 {first} {sum} 0 V5", "duplicate_lead"),
        ("16 1000/mV 16 0 {first} {sum} 0 V6R", "missing_leads"),
        ("16x2 1000/mV 16 0 {first} {sum} 0 V6", "unequal_rates"),
        ("32 1000/mV 16 0 {first} {sum} 0 V6", "unsupported_format"),
    ]:
        assert code in codes(record_of([*columns[:11], (fields, columns[11][1])]))


@pytest.mark.parametrize(
    "name", ["folder/r", "a/b/c/r", "records500/00001/r", "files/p10/41420867", r"C:\ecgs\r", "00001_hr.v2", "ü" * 100]
)
def test_a_record_name_may_have_folders(name: str) -> None:
    files = simulated_files()
    header = files["r.hea"].decode().replace("r 12 ", f"{name} 12 ", 1).encode()
    assert digest(read({"r.hea": header, "r.dat": files["r.dat"]})) == digest(simulated())


@pytest.mark.parametrize("sent", ["a/b/r.dat", r"C:\ecgs\r.dat", "R.DAT", "x/R.Dat"])
@pytest.mark.parametrize("named", [b"r.dat", b"records/r.dat", b"./r.dat"])
def test_files_are_matched_by_base_name(sent: str, named: bytes) -> None:
    files = simulated_files()
    assert digest(read({"a/r.hea": files["r.hea"].replace(b"r.dat", named), sent: files["r.dat"]})) == digest(
        simulated()
    )


def test_two_files_of_one_base_name_are_not_chosen_from() -> None:
    files = simulated_files()
    assert codes({"r.hea": files["r.hea"], "a/r.dat": files["r.dat"], "b/r.dat": b"other"}) == {"duplicate_file"}


@pytest.mark.parametrize("surplus", [1, 23, 24, 392, 240_000])
@pytest.mark.parametrize("byte", [b"\0", b"\x55"])
def test_a_file_longer_than_its_header_says_is_read_where_the_samples_are_proven(surplus: int, byte: bytes) -> None:
    files = simulated_files()
    longer = {**files, "r.dat": files["r.dat"] + byte * surplus}
    assert digest(read(longer)) == digest(simulated())
    unproven = {
        **longer,
        "r.hea": b"\n".join(
            b" ".join(line.split()[:4]) + b" 0 0 0 0 " + line.split()[-1] if b".dat" in line else line
            for line in files["r.hea"].splitlines()
        ),
    }
    if byte == b"\0":
        assert digest(read(unproven)) == digest(simulated())
    else:
        assert codes(unproven) == {"wrong_length"}


@pytest.mark.parametrize("leads", [[0], [3, 11], list(range(12))])
def test_a_negative_gain_turns_a_lead_upside_down(leads: list[int]) -> None:
    columns = lead_columns()
    for lead in leads:
        fields, samples = columns[lead]
        columns[lead] = (fields.replace("16 ", "16 -", 1), samples)
    signal_mv = read(record_of(columns)).millivolts()
    expected = simulated().millivolts()
    expected[leads] *= -1
    assert np.array_equal(signal_mv, expected)


@pytest.mark.parametrize("lead", range(12))
def test_a_minus_before_a_lead_turns_it(lead: int) -> None:
    columns = lead_columns()
    fields, samples = columns[lead]
    columns[lead] = (fields.replace(f" {LEADS[lead]}", f" -{LEADS[lead]}"), -samples)
    assert digest(read(record_of(columns))) == digest(simulated())


def test_checksums_that_are_all_zero_were_not_computed() -> None:
    columns = [(fields.replace("{sum}", "0"), samples) for fields, samples in lead_columns()]
    assert digest(read(record_of(columns))) == digest(simulated())
    one_computed = [lead_columns()[0], *columns[1:]]
    assert codes(record_of(one_computed)) == {"wrong_checksum"}
    foreign = ("16 1/mmHg 16 0 {first} {sum} 0 ABP", np.arange(5000) % 800)
    assert digest(read(record_of([*columns, foreign]))) == digest(simulated())


def test_first_samples_that_are_all_zero_were_not_written() -> None:
    columns = [(fields.replace("{first}", "0"), samples) for fields, samples in lead_columns()]
    assert digest(read(record_of(columns))) == digest(simulated())


@pytest.mark.parametrize(
    "gain", ["1e3/mV", "1000.0/mV", "1/uV", "1/µV", "1/μV", "1000000/V", "1e6/V", "0.001/nV", "1000"]
)
def test_one_ecg_in_any_unit_is_one_ecg(gain: str) -> None:
    columns = [
        (f"16 {gain} 16 0 {{first}} {{sum}} 0 {lead}", samples)
        for lead, (_, samples) in zip(LEADS, lead_columns(), strict=True)
    ]
    reference = [(fields.replace(gain, "1000/mV", 1), samples) for fields, samples in columns]
    assert digest(read(record_of(columns))) == digest(read(record_of(reference)))


@pytest.mark.parametrize("number", ["4.9", "0.3", "204.8", "1234.56789", "333.3333333333333"])
def test_units_change_without_a_rounding_error(number: str) -> None:
    gains = set()
    for unit, zeros in (("V", 3), ("mV", 0), ("uV", -3), ("nV", -6)):
        columns = [
            (f"16 {number}e{zeros}/{unit} 16 0 {{first}} {{sum}} 0 {lead}", samples)
            for lead, (_, samples) in zip(LEADS, lead_columns(), strict=True)
        ]
        gains.add(read(record_of(columns)).gain[0])
    assert gains == {float(number)}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("r.dat 16 ", "r.dat 16+" + "1" * 5_000 + " "),
        ("r.dat 16 ", "r.dat " + "1" * 5_000 + " "),
        ("r.dat 16 ", "r.dat 16x" + "1" * 5_000 + " "),
        (" 500 ", " " + "5" * 12_000 + " "),
        (" 5000\n", " " + "5" * 12_000 + "\n"),
        ("r 12 ", "r " + "1" * 12_000 + " "),
        ("/mV", "1" * 12_000 + "/mV"),
        ("/mV", "1" * 12_000 + "x/mV"),
        ("(0)/mV", "(" + "1" * 12_000 + ")/mV"),
        ("(0)/mV", "(" + "1" * 30 + ")/mV"),
        ("/mV", "e99999999999999999999/mV"),
        ("/mV", "e-99999999999999999999/mV"),
        ("/mV", "e300/mV"),
        ("/mV", "e-300/mV"),
        ("r.dat ", "r" * 5_000 + ".dat "),
        (" 16 0 ", " 16 " + "7" * 5_000 + " "),
        (" 0 I\n", "1" * 5_000 + " 0 I\n"),
    ],
)
def test_a_long_or_extreme_field_is_refused(old: str, new: str) -> None:
    files = simulated_files()
    assert old in files["r.hea"].decode()
    changed = files["r.hea"].decode().replace(old, new, 1).encode()
    assert codes({**files, "r.hea": changed}) <= {
        "bad_header",
        "too_long",
        "wrong_length",
        "missing_file",
        "header_count",
        "unsupported_format",
        "unknown_format",
        "missing_leads",
    }


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("10:38:00 09/12/2180", datetime(2180, 12, 9, 10, 38)),
        ("10:38:00.5 9/12/2180", datetime(2180, 12, 9, 10, 38, 0, 500_000)),
        ("10:38:00", None),
        ("26-Mar-2021 22:00:32", None),
        ("22:00:32 26-Mar-2021", None),
        ("22:00:32 2021-03-26", None),
        ("22:00:32 03/26/2021", None),
        ("25:00:32 26/03/2021", None),
        ("", None),
    ],
)
def test_a_date_is_the_standards_or_no_fact(said: str, expected: datetime | None) -> None:
    files = record_of(lead_columns(), head=f"r {{signals}} 500 {{samples}} {said}")
    assert formats.read(files).facts.recorded_at == expected


@pytest.mark.parametrize(
    ("lines", "age", "sex"),
    [
        ("#Age: 74\n#Sex: Female\n", 74, "female"),
        ("# <age>: 51\n# <sex>: M\n", 51, "male"),
        ("#Age: NaN\n#Sex: Unknown\n", None, None),
        ("#Age: 300\n", None, None),
        ("#Age:74\n#Age: 75\n", 74, None),
    ],
)
def test_comments_say_age_and_sex(lines: str, age: float | None, sex: str | None) -> None:
    files = simulated_files()
    facts = formats.read({**files, "r.hea": files["r.hea"] + lines.encode()}).facts
    assert (facts.age, facts.sex) == (age, sex)


def test_real_headers_say_age_and_sex_and_no_day_of_conversion(shared: Path) -> None:
    facts = [facts_of(path.read_bytes()) for path in (shared / "wfdb").rglob("*.hea")]
    assert len(facts) == 142
    assert all(each.sex and each.recorded_at is None for each in facts)
    assert sum(each.age is not None for each in facts) == 142
    [ludb] = [comments(path.read_bytes()) for path in (shared / "wfdb").rglob("*.hea") if b"<age>" in path.read_bytes()]
    assert ludb["age"] == "51"


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(header: bytes, signal: bytes) -> None:
    try:
        read({"r.hea": header, "r.dat": signal})
    except Unreadable as error:
        assert error.reasons


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_header_is_read_or_refused(data: st.DataObject) -> None:
    files = write_wfdb(Recording(simulated().samples[:, :50], simulated().gain, 500.0), "r")
    header = bytearray(files["r.hea"])
    for _ in range(data.draw(st.integers(1, 4))):
        header[data.draw(st.integers(0, len(header) - 1))] = data.draw(st.integers(0, 255))
    try:
        read({"r.hea": bytes(header), "r.dat": files["r.dat"]})
    except Unreadable as error:
        assert error.reasons
