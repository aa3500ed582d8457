"""WFDB from bytes, against the `wfdb` library and against files that lie."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.corpus.simulator.heart import record
from ml.formats import LEADS, Recording, Unreadable, read
from ml.formats.wfdb import write_wfdb


def simulated(seed: int = 0) -> Recording:
    return record({"sinus_rhythm"}, np.random.default_rng(seed))


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
    assert codes({"r.hea": hea.replace(b"r.dat 16", b"r.dat 212"), "r.dat": dat}) == {"unsupported_format"}
    assert codes({"r.hea": hea.replace(b"r.dat 16", b"/etc/passwd 16"), "r.dat": dat}) == {"missing_file"}
    assert codes({"r.dat": dat}) == {"unknown_format"}


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
