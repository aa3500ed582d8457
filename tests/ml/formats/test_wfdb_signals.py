"""Every signal format of WFDB, against the `wfdb` library and against a plain writer (`encodings.py`)."""

import warnings
from pathlib import Path

import numpy as np
import pytest

from ml import formats
from ml.formats import LEADS, Recording, Unreadable
from ml.formats.waveform import digest
from tests.cost import cheap
from tests.ml.formats.encodings import BITS, FLAC_BITS, MISSING, record, signal_of, stored

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import wfdb

FORMS = (*BITS, *FLAC_BITS)
Files = dict[str, bytes]


def read(files: Files) -> Recording:
    return formats.read(files).recording


def codes(files: Files) -> set[str]:
    with pytest.raises(Unreadable) as caught:
        read(files)
    return {reason.code for reason in caught.value.reasons}


def by_library(files: Files, folder: Path) -> np.ndarray:
    """Return what the library reads, (12, n) in mV."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
    found = wfdb.rdrecord(str(folder / "r"), smooth_frames=False)
    signals = found.e_p_signal if found.e_p_signal is not None else list(found.p_signal.T)
    return np.stack([signals[found.sig_name.index(lead)] for lead in LEADS])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("frames", [1, 501])
def test_a_format_is_what_was_written_and_what_the_library_reads(form: str, frames: int, tmp_path: Path) -> None:
    samples = signal_of(form, frames)
    files = record(form, samples)
    recording = read(files)
    assert np.array_equal(recording.samples, samples.T)
    assert np.array_equal(recording.millivolts(), by_library(files, tmp_path))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("extra", [1, 2])
def test_blocks_that_are_not_full(form: str, extra: int, tmp_path: Path) -> None:
    """With 13 or 14 signals of 1 or 2 frames the last block of 212, 310 and 311 is filled up, or not written whole."""
    for frames in (1, 2, 3):
        samples = signal_of(form, frames)
        samples = np.concatenate([samples, samples[:, :extra]], axis=1)
        files = record(form, samples, names=(*LEADS, *(f"other {number}" for number in range(extra))))
        assert np.array_equal(read(files).samples, samples[:, :12].T)
        without_count = {**files, "r.hea": files["r.hea"].replace(f" 500 {frames}\n".encode(), b" 500\n")}
        assert np.array_equal(read(without_count).samples, samples[:, :12].T)
        assert np.array_equal(read(files).millivolts(), by_library(files, tmp_path))


@pytest.mark.parametrize("form", MISSING)
def test_the_mark_of_a_missing_sample(form: str, tmp_path: Path) -> None:
    samples = signal_of(form)
    samples[100:110, 2] = MISSING[form]
    samples[-1, 11] = MISSING[form]
    files = record(form, samples)
    signal_mv = read(files).millivolts()
    assert np.array_equal(np.isnan(signal_mv), (samples == MISSING[form]).T)
    assert np.array_equal(signal_mv, by_library(files, tmp_path), equal_nan=True)
    if form != "32":  # its least value is beyond what is stored
        samples[100:110, 2] += 1
        assert not np.isnan(read(record(form, samples)).millivolts()[2]).any()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("offset", [1, 24, 512])
def test_samples_may_begin_later(form: str, offset: int) -> None:
    """After some bytes; in FLAC after some samples. (The library shifts 8 and misreads offsets in blocks.)"""
    samples = signal_of(form)
    assert np.array_equal(read(record(form, samples, offset=offset)).samples, samples.T)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("per_frame", [2, 3])
def test_several_samples_a_frame(form: str, per_frame: int, tmp_path: Path) -> None:
    samples = signal_of(form, 498)
    files = record(form, samples, per_frame=per_frame)
    recording = read(files)
    assert recording.sampling_rate_hz == 500 * per_frame
    assert np.array_equal(recording.samples, samples.T)
    assert np.array_equal(recording.millivolts(), by_library(files, tmp_path))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("per_frame", [1, 2])
def test_a_skew_is_taken_back(form: str, per_frame: int, tmp_path: Path) -> None:
    samples = signal_of(form, 400)
    skews = (0, 3, 0, 3, *[0] * 8)
    files = record(form, samples, skews=skews, per_frame=per_frame)
    signal_mv = read(files).millivolts()
    assert np.array_equal(signal_mv[1, : 400 - 3 * per_frame], samples[3 * per_frame :, 1] / 1000)
    assert np.isnan(signal_mv[1, 400 - 3 * per_frame :]).all()
    # the library marks no samples of 8, too few of several a frame, and takes no skew of FLAC
    if form != "8" and form not in FLAC_BITS and per_frame == 1:
        assert np.array_equal(signal_mv, by_library(files, tmp_path), equal_nan=True)


def test_each_lead_has_its_own_skew() -> None:
    samples = signal_of("16", 400)
    signal_mv = read(record("16", samples, skews=tuple(range(12)))).millivolts()
    for lead in range(12):
        assert np.array_equal(signal_mv[lead, : 400 - lead], samples[lead:, lead] / 1000)
        assert np.isnan(signal_mv[lead, 400 - lead :]).all()


def test_other_signals_may_have_other_frames() -> None:
    samples = signal_of("212", 400)
    files = record("212", samples)
    lines = files["r.hea"].decode().splitlines()
    lines[8] += "\nr0.dat 212x3 1/mmHg 12 0 0 0 0 ABP"
    frames = np.concatenate([samples[:, :8], np.full((400, 3), 77)], axis=1)
    header = "\n".join(lines).replace("r 12 ", "r 13 ")
    assert np.array_equal(read({**files, "r.hea": header.encode(), "r0.dat": stored("212", frames)}).samples, samples.T)


def test_leads_at_several_rates_are_refused() -> None:
    samples = signal_of("16", 400)
    files = record("16", samples)
    header = files["r.hea"].replace(b"r8.dat 16", b"r8.dat 16x2")
    assert "unequal_rates" in codes({**files, "r.hea": header, "r8.dat": files["r8.dat"] * 2})


@pytest.mark.parametrize("form", FORMS)
def test_a_short_file_is_refused(form: str) -> None:
    files = record(form, signal_of(form))
    short = codes({**files, "r8.dat": files["r8.dat"][:-3]})
    assert short <= {"wrong_length", "bad_signal_file"}
    more = files["r.hea"].replace(b" 500 501\n", b" 500 86400000\n")
    assert codes({**files, "r.hea": more}) == {"wrong_length"}


@pytest.mark.parametrize("form", FORMS)
def test_a_changed_sample_is_found(form: str) -> None:
    files = record(form, signal_of(form))
    content = bytearray(files["r0.dat"])
    content[-12] ^= 4  # a low byte, whatever the width
    assert codes({**files, "r0.dat": bytes(content)}) <= {"wrong_checksum", "bad_signal_file"}


def test_differences_that_add_up_beyond_all_numbers_are_refused() -> None:
    lines = "\n".join(f"r.dat 8 1000/mV 16 0 {2**30} 1 0 {lead}" for lead in LEADS)
    assert codes({"r.hea": f"r 12 500 10\n{lines}\n".encode(), "r.dat": b"\x7f" * 120}) == {"too_large"}
    lines = "\n".join(f"r.dat 32 1000/mV 16 0 0 1 0 {lead}" for lead in LEADS)
    assert "too_large" in codes({"r.hea": f"r 12 500 10\n{lines}\n".encode(), "r.dat": b"\x7f" * 480})


@pytest.mark.parametrize(
    "field", ["16x0", "16x99999999999999999999", "16:99999999999999999999", "16+99999999999999999999"]
)
def test_a_field_that_claims_much_costs_nothing(field: str) -> None:
    files = record("16", signal_of("16"))
    header = files["r.hea"].replace(b"r0.dat 16 ", f"r0.dat {field} ".encode())
    with cheap(5_000_000):
        try:
            assert np.isnan(read({**files, "r.hea": header}).millivolts()).any() or field == "16x0"
        except Unreadable as error:
            assert {reason.code for reason in error.reasons} <= {"wrong_length", "unequal_rates"}


@pytest.mark.parametrize("case", ["fmt212", "multiseg_fixed", "frames_16x2_all"])
def test_public_cases(shared: Path, case: str) -> None:
    folder = shared.parent / "cases" / case
    files = {path.name: path.read_bytes() for path in folder.glob("*.*") if path.suffix in (".hea", ".dat")}
    recording = read(files)
    assert np.allclose(recording.millivolts(), np.load(folder / "expected_mv.npy"), atol=1e-9)
    assert recording.sampling_rate_hz == 500


def test_formats_share_one_identity() -> None:
    samples = signal_of("8", 100)
    assert (
        len({digest(read(record(form, samples))) for form in ("8", "16", "24", "32", "61", "160", "516", "524")}) == 1
    )
