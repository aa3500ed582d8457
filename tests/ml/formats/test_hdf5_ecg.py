"""HDF5 of SPH and CODE against h5py, and against files that lie."""

import io
import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from ml import formats
from ml.formats import Recording, Unreadable
from ml.formats.disk import record_at
from ml.formats.hdf5_ecg import MAX_STORED_BYTES
from ml.formats.waveform import decode, encode
from ml.signals import check_usable
from tests.cost import cheap
from tests.ml.formats.hdf5 import CODE_ORDER, code_file, hdf5_file, padded, sph_file
from tests.ml.formats.records import simulated

SIGNAL = simulated().millivolts()


def read(content: bytes) -> Recording:
    return formats.read({"e.h5": content}).recording


def codes(content: bytes) -> set[str]:
    with pytest.raises(Unreadable) as caught:
        read(content)
    return {reason.code for reason in caught.value.reasons}


def test_real_files_are_what_the_library_reads(shared: Path) -> None:
    paths = sorted((shared / "sph_h5").glob("*.h5"))
    assert len(paths) == 10
    for path in paths:
        recording = read(path.read_bytes())
        with h5py.File(path) as file:
            expected = file["ecg"][...].astype(np.float64)
        assert np.array_equal(recording.millivolts(), expected), path.name
        assert recording.sampling_rate_hz == 500
        assert check_usable(recording.millivolts(), 500) == []
        assert np.array_equal(decode(encode(recording)).samples, recording.samples)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"chunks": (3, 1250)},
        {"chunks": (5, 777), "compression": "gzip"},
        {"chunks": (12, 5000), "compression": "gzip", "shuffle": True, "fletcher32": True},
        {"chunks": (1, 5000), "shuffle": True},
        {"chunks": (12, 100), "fletcher32": True},
    ],
)
@pytest.mark.parametrize("dtype", ["<f2", ">f2", "<f4", ">f4", "<f8"])
def test_every_way_of_storing_is_read(options: dict[str, Any], dtype: str) -> None:
    stored = SIGNAL.astype(dtype)
    signal_mv = read(hdf5_file("ecg", stored, **options)).millivolts()
    assert np.abs(signal_mv - stored.astype(float)).max() <= (0 if dtype[1:] == "f2" else 2**-25)


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_every_version_of_the_format_is_read(libver: str) -> None:
    file = io.BytesIO()
    with h5py.File(file, "w", libver=libver, userblock_size=0) as written:
        written.create_dataset("ecg", data=SIGNAL.astype("<f2"), chunks=(3, 1250), compression="gzip")
    assert np.array_equal(read(file.getvalue()).millivolts(), SIGNAL.astype("<f2").astype(float))


@pytest.mark.parametrize("samples", [4096, 4000, 2800])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_padding_is_cut_before_the_length_is_checked(samples: int, dimensions: int) -> None:
    signal = np.where(SIGNAL[:, :samples] == 0, 0.001, SIGNAL[:, :samples])
    data = padded(signal).astype("<f4")
    recording = read(hdf5_file("tracings", data if dimensions == 3 else data[0]))
    assert recording.samples.shape == (12, samples) and recording.sampling_rate_hz == 400
    assert np.allclose(recording.millivolts(), signal, atol=1e-6)
    reasons = check_usable(recording.millivolts(), 400)
    assert [reason.code for reason in reasons] == ([] if samples >= 4000 else ["too_short"])


@pytest.mark.parametrize("order", [list(range(12)), CODE_ORDER])
def test_limb_leads_are_put_in_the_order_that_makes_sense(order: list[int]) -> None:
    """CODE-15 has aVR first, CODE-test by its description aVL."""
    recording = read(code_file(SIGNAL[order, :4000]))
    assert np.allclose(recording.millivolts(), SIGNAL[:, : recording.samples.shape[1]], atol=1e-5)


def test_leads_that_contradict_each_other_are_refused() -> None:
    for order in ([1, 0, *range(2, 12)], [0, 2, 1, *range(3, 12)], [6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5]):
        assert codes(code_file(SIGNAL[order, :4000])) == {"unknown_leads"}
        assert codes(hdf5_file("ecg", SIGNAL[order].astype("<f2"))) == {"unknown_leads"}
    turned = SIGNAL.copy()
    turned[3] *= -1
    assert codes(hdf5_file("ecg", turned)) == {"unknown_leads"}


MANY: list[dict[str, Any]] = [
    {},
    {"chunks": (2, 1000, 12), "compression": "gzip"},
    {"chunks": (3, 4096, 12), "compression": "gzip", "shuffle": True},
    {"chunks": (1, 4096, 5), "fletcher32": True},
]


@pytest.mark.parametrize("options", MANY)
@pytest.mark.parametrize("numbers", [None, [40, 17, 0, 9, 9]])
def test_one_ecg_is_taken_out_of_a_file_of_many(
    options: dict[str, Any], numbers: list[int] | None, tmp_path: Path
) -> None:
    path = tmp_path / "exams_part0.hdf5"
    rows = [SIGNAL[:, shift : shift + 4000] for shift in range(0, 50, 10)]
    with h5py.File(path, "w") as written:
        written.create_dataset("tracings", data=np.concatenate([padded(row) for row in rows]).astype("<f4"), **options)
        if numbers:
            written["exam_id"] = numbers
    for place, row in enumerate(rows[:3]):
        record = record_at(path / str(numbers[place] if numbers else place))
        assert record is not None
        assert record.contents() == record.contents()
        recording = record.read().recording
        assert (recording.sampling_rate_hz, recording.scale_known) == (400, False)
        recorded = row[:, row.any(axis=0).argmax() :]
        assert np.allclose(recording.millivolts(), recorded, atol=1e-6)
    for missing in ("9", "-1", "x", "1" * 30, "77") if numbers else ("5", "-1", "x"):
        record = record_at(path / missing)
        assert record is not None
        with pytest.raises(Unreadable) as caught:
            record.contents()
        assert caught.value.reasons[0].code == "missing_part"
    with pytest.raises(FileNotFoundError):
        record_at(tmp_path / "exams_part1.hdf5" / "17")
    (tmp_path / "text").write_text("x")
    assert record_at(tmp_path / "text" / "17") is None


def test_the_unit_of_code_is_not_known() -> None:
    assert not read(code_file(SIGNAL[:, :4000])).scale_known
    assert read(sph_file(simulated())).scale_known


def test_missing_samples_stay_missing() -> None:
    signal = SIGNAL.copy()
    signal[4, 100:200] = np.nan
    assert np.array_equal(np.isnan(read(hdf5_file("ecg", signal)).millivolts()), np.isnan(signal))
    signal[0, 0] = np.inf
    assert codes(hdf5_file("ecg", signal)) == {"bad_samples"}


def test_other_files_are_refused_by_name() -> None:
    assert codes(hdf5_file("data", SIGNAL)) == {"unknown_layout"}
    assert codes(hdf5_file("ecg", SIGNAL.T)) == {"unknown_layout"}
    assert codes(hdf5_file("ecg", SIGNAL[:8])) == {"unknown_layout"}
    assert codes(hdf5_file("ecg", (SIGNAL * 1000).astype("<i2"))) == {"unknown_layout"}
    assert codes(hdf5_file("ecg", SIGNAL[0])) == {"unknown_layout"}
    assert codes(hdf5_file("ecg", SIGNAL * 1000)) == {"bad_samples"}
    assert codes(hdf5_file("tracings", np.zeros((2, 4096, 12), "<f4"))) == {"record_count"}
    assert codes(hdf5_file("tracings", np.zeros((1, 4096, 12), "<f4"))) == {"bad_samples"}
    assert codes(hdf5_file("ecg", SIGNAL, chunks=(3, 1250), compression="lzf")) == {"unsupported_compression"}
    assert codes(hdf5_file("ecg", np.zeros((12, 0)))) <= {"bad_samples", "too_long", "wrong_length"}
    file = io.BytesIO()
    with h5py.File(file, "w") as written:
        written.create_group("ecg")
    assert codes(file.getvalue()) == {"unknown_layout"}


def test_no_other_file_is_opened(tmp_path: Path) -> None:
    outside = tmp_path / "outside.h5"
    outside.write_bytes(sph_file(simulated()))
    (tmp_path / "raw").write_bytes(SIGNAL.astype("<f4").tobytes())
    for kind in ("external link", "soft link", "external storage", "virtual"):
        file = io.BytesIO()
        with h5py.File(file, "w") as written:
            if kind == "external link":
                written["ecg"] = h5py.ExternalLink(str(outside), "/ecg")
            elif kind == "soft link":
                written["ecg"] = h5py.SoftLink("/elsewhere")
            elif kind == "external storage":
                written.create_dataset("ecg", (12, 5000), "<f4", external=[(str(tmp_path / "raw"), 0, 240_000)])
            else:
                layout = h5py.VirtualLayout(shape=(12, 5000), dtype="<f2")
                layout[:] = h5py.VirtualSource(str(outside), "ecg", shape=(12, 5000))
                written.create_virtual_dataset("ecg", layout)
        expected = {"unknown_layout"} if "link" in kind else {"external_data"}
        assert codes(file.getvalue()) == expected, kind


def bomb() -> bytes:
    """Return a file whose only chunk inflates to 400 MB."""
    file = io.BytesIO()
    with h5py.File(file, "w") as written:
        dataset = written.create_dataset("ecg", (12, 5000), "<f2", chunks=(12, 5000), compression="gzip")
        dataset.id.write_direct_chunk((0, 0), zlib.compress(bytes(400_000_000)))
    return file.getvalue()


def sparse(shape: tuple[int, ...], chunks: tuple[int, ...] | None) -> bytes:
    """Return a file that says much, and holds nothing."""
    file = io.BytesIO()
    with h5py.File(file, "w") as written:
        written.create_dataset("ecg", shape, "<f8", chunks=chunks, maxshape=shape)
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        bomb(),
        sparse((12, 10**12), (12, 1000)),
        sparse((12, 300_000), (1, 1)),
        sparse((12, 300_000), (12, 300_000)),
        sparse((12, 300_000), None),
        sparse((12, 10), (12, 10)),
        sparse((12, MAX_STORED_BYTES), None),
    ],
)
def test_nothing_is_allocated_that_is_not_there(content: bytes) -> None:
    with cheap(40_000_000):
        assert codes(content) <= {"too_long", "wrong_length"}


def test_a_file_that_ends_early_is_refused() -> None:
    content = sph_file(simulated())
    for end in (8, 100, 1000, len(content) // 2, len(content) - 1):
        assert codes(content[:end]) <= {"bad_hdf5", "wrong_length"}
