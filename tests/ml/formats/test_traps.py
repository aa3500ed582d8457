"""Traps that are the same in every format: what was silently wrong elsewhere is right here, or refused."""

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from ml import formats
from ml.formats import FORMATS, LEADS, Recording, Unreadable
from ml.formats.channels import Channel, twelve_leads
from ml.formats.leads import known_lead
from ml.formats.recording import MISSING
from ml.formats.waveform import digest
from ml.formats.wfdb import write_wfdb
from ml.signals import check_usable
from tests.ml.formats.aecg import aecg_file
from tests.ml.formats.dicom import dicom_file
from tests.ml.formats.edf import edf_file, plain_edf
from tests.ml.formats.hdf5 import sph_file
from tests.ml.formats.muse import muse_file
from tests.ml.formats.records import lead_columns, record_of, simulated
from tests.ml.formats.scp import scp_file
from tests.ml.formats.sierra import sierra_file

Writer = Callable[[Recording], dict[str, bytes]]
WRITERS: dict[str, Writer] = {
    "WFDB": lambda recording: write_wfdb(recording, "r"),
    "GE MUSE XML": lambda recording: {"e.xml": muse_file(recording)},
    "Philips XML": lambda recording: {"e.xml": sierra_file(recording)},
    "HL7 aECG": lambda recording: {"e.xml": aecg_file(recording)},
    "DICOM ECG": lambda recording: {"e.dcm": dicom_file(recording)},
    "SCP-ECG": lambda recording: {"e.scp": scp_file(recording)},
    "HDF5": lambda recording: {"e.h5": sph_file(recording)},
    "EDF": lambda recording: {"e.edf": edf_file(recording)},
}
OTHER_LEADS = ("V3R", "V4R", "V5R", "V6R", "V7", "V8", "V9", "X", "Y", "Z", "vx", "MLII", "V1-V2", "aVR (inverted)")


def in_steps(uv: float) -> Recording:
    """Return an ECG of which every lead is in steps that all formats hold."""
    rounded = np.rint(simulated(2).millivolts()[:2] * 1000 / (2 * uv)).astype(np.int32) * 2
    chest = np.rint(simulated(2).millivolts()[6:] * 1000 / uv).astype(np.int32)
    one, two = rounded
    limbs = [one, two, two - one, -(one + two) // 2, one - two // 2, two - one // 2]
    return Recording(np.stack([*limbs, *chest]), np.full(12, 1000 / uv), 500.0)


def test_every_format_is_here() -> None:
    assert set(WRITERS) == {file_format.name for file_format in FORMATS}


@pytest.mark.parametrize("name", WRITERS)
def test_one_ecg_is_the_same_in_every_format(name: str) -> None:
    """In millivolt, whatever the format stores: steps of any unit, numbers of a half or whole float."""
    expected = in_steps(5.0)
    recording = formats.read(WRITERS[name](expected)).recording
    tolerance = 0.002 if name == "HDF5" else 0.00251 if name == "SCP-ECG" else 1e-9
    assert recording.sampling_rate_hz == 500
    assert np.abs(recording.millivolts() - expected.millivolts()).max() <= tolerance


def test_formats_in_the_same_steps_have_one_identity() -> None:
    """But for MUSE, which stores eight leads: half of I and II needs steps of half the size."""
    expected = in_steps(5.0)
    names = ("WFDB", "Philips XML", "HL7 aECG", "DICOM ECG")
    assert {digest(formats.read(WRITERS[name](expected)).recording) for name in names} == {digest(expected)}


def test_the_real_example_of_three_formats_is_one_ecg(shared: Path) -> None:
    """ecgtoolkit's examples: the SCP-ECG and the HL7 aECG are one ECG."""
    paths = ("formats/scp_ecg/Example.scp", "formats/hl7_aecg/Example_aECG.xml")
    read = [formats.read({path: (shared / path).read_bytes()}).recording for path in paths]
    assert len({digest(recording) for recording in read}) == 1


@pytest.mark.parametrize("name", OTHER_LEADS)
def test_an_extra_lead_is_kept_out_of_every_format(name: str) -> None:
    assert known_lead(name) is None
    recording = in_steps(1.0)
    columns = [*zip(LEADS, recording.samples, strict=True)]
    columns.insert(3, (name, np.full(5000, 1234)))
    assert np.array_equal(formats.read({"e.edf": plain_edf(columns)}).recording.samples, recording.samples)
    lines = [(f"16 1000/mV 16 0 {{first}} {{sum}} 0 {lead}", samples) for lead, samples in columns]
    assert np.array_equal(formats.read(record_of(lines)).recording.samples, recording.samples)
    only_others = [(name if lead == "V3" else lead, samples) for lead, samples in columns if lead != name]
    with pytest.raises(Unreadable, match="missing leads: V3"):
        formats.read({"e.edf": plain_edf(only_others)})


@pytest.mark.parametrize("name", ["GE MUSE XML", "Philips XML", "HL7 aECG"])
def test_an_xml_file_is_one_ecg_however_its_characters_are_written(name: str) -> None:
    written = WRITERS[name](in_steps(5.0))
    expected = digest(formats.read(written).recording)
    [content] = written.values()
    text = content.decode("latin-1").partition("?>")[2] if content.startswith(b"<?xml") else content.decode("latin-1")
    for declared, page in (("utf-8", "utf-8-sig"), ("UTF-16", "utf-16"), ("utf-16", "utf-16-le"), ("utf-16", "utf-8")):
        again = f'\r\n<?xml version="1.0" encoding="{declared}"?>{text}\r\n'.lstrip().encode(page)
        assert digest(formats.read({"e.xml": again + bytes(2)}).recording) == expected


@pytest.mark.parametrize(
    ("written", "as_well"),
    [
        ('<increment value="0.002" unit="s"', '<increment value=".002" unit="s"'),
        ('<increment value="0.002" unit="s"', '<increment value="2.0E0" unit="ms"'),
        ('<increment value="0.002" unit="s"', '<increment value="0.00200000000000000" unit="s"'),
    ],
)
def test_a_number_is_the_same_however_it_is_written(written: str, as_well: str) -> None:
    [content] = WRITERS["HL7 aECG"](in_steps(5.0)).values()
    assert written.encode() in content
    changed = content.replace(written.encode(), as_well.encode())
    assert digest(formats.read({"e.xml": changed}).recording) == digest(in_steps(5.0))


@pytest.mark.parametrize("pair", list(combinations(range(6), 2)))
@pytest.mark.parametrize("gains", [(1000.0, 1000.0), (1000.0, 2000.0), (200.0, 204.8), (400.0, 1000 / 3)])
def test_any_two_limb_leads_of_any_gains_give_all_twelve(pair: tuple[int, int], gains: tuple[float, float]) -> None:
    whole = in_steps(5.0)
    kept = {LEADS[lead]: Channel(whole.samples[lead], whole.gain[lead]) for lead in range(6, 12)}
    for lead, gain in zip(pair, gains, strict=True):
        samples = np.rint(whole.millivolts()[lead] * gain).astype(np.int32)
        kept[LEADS[lead]] = Channel(samples, gain)
    samples, gain = twelve_leads(kept)
    step = 1 / min(gains)
    assert np.abs(samples / gain[:, None] - whole.millivolts()).max() <= 2 * step


@pytest.mark.parametrize("pattern", ["ptbxl/records500/00000/0000?_hr.hea", "wfdb/*/*1.hea"])
def test_eight_leads_of_real_files_give_the_twelve_that_they_hold(shared: Path, pattern: str) -> None:
    """What is stored of III, aVR, aVL and aVF differs from what I and II give by what devices round."""
    compared = 0
    for header in sorted(shared.glob(pattern)):
        paths = [path for path in header.parent.glob(f"{header.stem}.*") if path.suffix in (".hea", ".dat", ".mat")]
        try:
            recording = formats.read({path.name: path.read_bytes() for path in paths}).recording
        except Unreadable:
            continue
        channels = {
            lead: Channel(recording.samples[place], recording.gain[place])
            for place, lead in enumerate(LEADS)
            if place < 2 or place > 5
        }
        samples, gain = twelve_leads(channels)
        difference = np.abs(samples / gain[:, None] - recording.millivolts())
        assert np.nanpercentile(difference, 99) <= 0.011, header.name
        compared += 1
    assert compared >= 5


@pytest.mark.parametrize("name", ["WFDB", "EDF", "SCP-ECG"])
@pytest.mark.parametrize(("rate", "samples"), [(250.0, 2500), (300.0, 3300), (977.0, 9770), (1000.0, 11_000)])
def test_any_rate_and_length_is_the_files(name: str, rate: float, samples: int) -> None:
    """Also 10 s of a file of 11 s: nothing is cut or filled up here; windows are."""
    chance = np.random.default_rng(0)
    values = chance.integers(-200, 200, (12, samples)).cumsum(axis=1, dtype=np.int32) // 40 * 5
    recording = Recording(values.astype(np.int32), np.full(12, 1000.0), rate)
    if name == "EDF":
        columns = list(zip(LEADS, values, strict=True))
        files = {"e.edf": plain_edf(columns, records=1, duration=f"{samples / rate:.6g}")}
    else:
        files = WRITERS[name](recording)
    found = formats.read(files).recording
    tolerance = 1e-3 if name == "SCP-ECG" else 1e-12  # which has intervals in whole microseconds
    assert abs(found.sampling_rate_hz / rate - 1) <= tolerance
    assert found.samples.shape == (12, samples)


def test_leads_of_unequal_length_are_refused() -> None:
    columns = lead_columns()
    files = record_of(columns)
    second = record_of([(columns[11][0], columns[11][1][:4000])])
    header = files["r.hea"].replace(b" 5000\n", b"\n").decode().splitlines()
    header[12] = header[12].replace("r.dat", "s.dat")
    stored = np.frombuffer(files["r.dat"], "<i2").reshape(5000, 12)[:, :11].tobytes()
    with pytest.raises(Unreadable) as caught:
        formats.read({"r.hea": "\n".join(header).encode(), "r.dat": stored, "s.dat": second["r.dat"]})
    assert "unequal_lengths" in {reason.code for reason in caught.value.reasons}


def test_the_unit_is_converted_in_one_place() -> None:
    """µV, mV, V and nV say one ECG in WFDB, and one in EDF."""
    recording = in_steps(1.0)
    columns = list(zip(LEADS, recording.samples, strict=True))
    ranges = {"uV": ("-32768", "32767"), "mV": ("-32.768", "32.767"), "V": ("-.032768", ".032767")}
    found = {
        digest(formats.read({"e": plain_edf(columns, unit=unit, ranges=(*edges, "-32768", "32767"))}).recording)
        for unit, edges in ranges.items()
    }
    for gain in ("1000/mV", "1/uV", "0.001/nV", "1e6/V"):
        lines = [(f"16 {gain} 16 0 {{first}} {{sum}} 0 {lead}", samples) for lead, samples in columns]
        found.add(digest(formats.read(record_of(lines)).recording))
    assert found == {digest(recording)}


def test_a_missing_sample_is_none_and_no_voltage() -> None:
    recording = in_steps(1.0)
    recording.samples[4, 100:110] = MISSING
    signal_mv = formats.read(write_wfdb(recording, "r")).recording.millivolts()
    assert np.isnan(signal_mv[4, 100:110]).all() and np.isnan(signal_mv).sum() == 10
    assert check_usable(signal_mv, 500.0) != []
