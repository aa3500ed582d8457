"""Records of several segments: one layout for all, or another in each; gaps; and headers that lie."""

import warnings
from pathlib import Path

import numpy as np
import pytest

from ml import formats
from ml.archives import Entry
from ml.archives import read as read_archive
from ml.formats import LEADS, Recording, Unreadable
from ml.formats.disk import record_at
from ml.formats.wfdb import write_wfdb
from ml.inference.found import Skipped
from ml.inference.inputs import read_all
from ml.signals import Preprocessing
from tests.cost import cheap
from tests.ml.formats.segments import WHOLE, fixed, piece, variable

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import wfdb

Files = dict[str, bytes]


def read(files: Files) -> Recording:
    return formats.read(files).recording


def codes(files: Files) -> set[str]:
    with pytest.raises(Unreadable) as caught:
        read(files)
    return {reason.code for reason in caught.value.reasons}


def by_library(files: Files, folder: Path) -> np.ndarray:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    found = wfdb.rdrecord(str(folder / "r"))
    return found.p_signal[:, [found.sig_name.index(lead) for lead in LEADS]].T


@pytest.mark.parametrize("ends", [(5000,), (2500, 5000), (1, 4999, 5000), (1000, 2000, 3000, 4000, 5000)])
def test_a_fixed_layout(ends: tuple[int, ...], tmp_path: Path) -> None:
    files = fixed(*ends)
    recording = read(files)
    assert np.array_equal(recording.samples, WHOLE.samples)
    assert np.array_equal(recording.millivolts(), by_library(files, tmp_path))
    assert formats.read(files).facts.age == 70


def test_a_variable_layout(tmp_path: Path) -> None:
    files = variable()
    signal_mv = read(files).millivolts()
    expected = WHOLE.samples[:, :1750] / WHOLE.gain[:, None]
    expected[:, 500:750] = np.nan
    expected[11, 750:1250] = np.nan
    assert np.allclose(signal_mv, expected, atol=1e-12, equal_nan=True)
    assert np.allclose(signal_mv, by_library(files, tmp_path), atol=1e-12, equal_nan=True)
    assert formats.read(files).facts.recorded_at is not None
    without_layout = {name: content for name, content in files.items() if name != "lay.hea"}
    assert np.array_equal(read(without_layout).millivolts(), signal_mv, equal_nan=True)


def test_a_lead_that_no_segment_has_is_missing() -> None:
    files = fixed(2500, 5000) | piece("s0", 0, 2500, leads=LEADS[:11]) | piece("s1", 2500, 5000, leads=LEADS[:11])
    assert codes(files) == {"missing_leads"}


def test_eight_leads_in_each_segment_give_twelve() -> None:
    kept = ("I", "II", *LEADS[6:])
    files = fixed(2500, 5000) | piece("s0", 0, 2500, leads=kept) | piece("s1", 2500, 5000, leads=kept)
    assert np.allclose(read(files).millivolts(), WHOLE.millivolts(), atol=1e-9)


def test_what_segments_get_wrong_is_named() -> None:
    files = fixed(2500, 5000)
    assert codes({name: content for name, content in files.items() if name != "s1.hea"}) == {"missing_file"}
    assert codes({name: content for name, content in files.items() if name != "s1.dat"}) == {"missing_file"}
    assert codes({**files, "s1.hea": files["s1.hea"].replace(b" 500 ", b" 250 ")}) == {"unequal_rates"}
    assert codes({**files, "s1.hea": files["s1.hea"].replace(b" 2500\n", b" 2400\n")}) == {"wrong_length"}
    assert codes({**files, "r.hea": files["r.hea"].replace(b" 5000\n", b" 4000\n")}) == {"wrong_length"}
    assert codes({**files, "r.hea": files["r.hea"].replace(b"s1 ", b"s0 ")}) == {"bad_header"}
    assert codes({**files, "r.hea": files["r.hea"].replace(b"r/2", b"r/3")}) == {"bad_header"}
    assert codes({**files, "r.hea": files["r.hea"].replace(b"r/2", b"r/0")}) == {"bad_header"}
    assert codes({**files, "s1.hea": b"s1/1 12 500 2500\ns0 2500\n"}) == {"header_count"}
    damaged = bytes([files["s1.dat"][0] ^ 1]) + files["s1.dat"][1:]
    assert codes({**files, "s1.dat": damaged}) == {"wrong_checksum", "wrong_initial_value"}
    only_gaps = b"r/2 12 500 1000\n~ 500\n~ 500\n"
    assert codes({"r.hea": only_gaps}) == {"unequal_rates"}


@pytest.mark.parametrize("gap", [10**6, 86_400_000, 10**11])
def test_a_gap_allocates_nothing_that_is_not_there(gap: int) -> None:
    files = fixed(2500, 5000)
    main = f"r/3 12 500 {5000 + gap}\ns0 2500\n~ {gap}\ns1 2500\n".encode()
    with cheap(5_000_000):
        assert codes({**files, "r.hea": main}) == {"too_long"}


def test_on_disk_a_record_brings_its_segments_and_they_are_no_records(tmp_path: Path) -> None:
    for name, content in variable().items():
        (tmp_path / name).write_bytes(content)
    for name, content in write_wfdb(WHOLE, "alone").items():
        (tmp_path / name).write_bytes(content)
    record = record_at(tmp_path / "r.hea")
    assert record is not None
    assert {path.name for path in record.beside} == {"lay.hea", *(f"{n}.{e}" for n in "abc" for e in ("hea", "dat"))}
    assert record.read().recording.samples.shape == (12, 1750)
    found = list(read_archive("files", tmp_path))
    assert [each.signal.name for each in found if isinstance(each, Entry) and each.signal] == ["alone.hea", "r.hea"]
    assert len(found) == 2
    predicted = list(read_all([tmp_path], Preprocessing()))
    assert [Path(each.name).stem for each in predicted if not isinstance(each, Skipped)] == ["alone", "r"]
    assert not any(isinstance(each, Skipped) for each in predicted)


def test_records_that_name_each_other_are_not_left_out_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "a.hea").write_text("a/1 12 500 100\nb 100\n")
    (tmp_path / "b.hea").write_text("b/1 12 500 100\na 100\n")
    assert len(list(read_archive("files", tmp_path))) == 2
