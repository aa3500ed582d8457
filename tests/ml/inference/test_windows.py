"""Files of windows: documented ones are read, others are refused before they cost anything."""

import io
import json
import shutil
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.formats import LEADS
from ml.inference.found import Record, Unread
from ml.inference.inputs import Found, read_all
from ml.signals import Preprocessing


def read(*paths: Path) -> list[Found]:
    return list(read_all(paths, Preprocessing()))


def standardised(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, 12, 2500))


def npz(path: Path, **fields: Any) -> Path:
    stored = np.rint(standardised(2) / 0.02).astype(np.int16)
    content = {"X": stored, "ecg_id": np.array([7, 8]), "scale": 0.02, "fs": 250, **fields}
    np.savez(path, **{name: value for name, value in content.items() if value is not None})
    return path


def windows(found: list[Found]) -> np.ndarray:
    assert all(isinstance(each, Record) for each in found), found
    return np.concatenate([each.windows for each in found if isinstance(each, Record)])


def test_windows_are_scaled_and_named(tmp_path: Path) -> None:
    found = read(npz(tmp_path / "w.npz"))
    assert [(each.name, each.first) for each in found if isinstance(each, Record)] == [("7", 0), ("8", 0)]
    assert np.abs(windows(found) - standardised(2)).max() <= 0.0101


def test_windows_of_one_ecg_are_numbered(tmp_path: Path) -> None:
    found = read(npz(tmp_path / "w.npz", X=standardised(4), scale=None, ecg_id=np.array(["a", "a", "b", "b"])))
    assert [(each.name, each.first) for each in found if isinstance(each, Record)] == [
        ("a", 0),
        ("a", 1),
        ("b", 0),
        ("b", 1),
    ]


@pytest.mark.parametrize(
    "writing", [LEADS, [f"MDC_ECG_LEAD_{lead}" for lead in LEADS], [lead.encode() for lead in LEADS]]
)
def test_leads_go_by_the_names_of_every_format(tmp_path: Path, writing: list[Any]) -> None:
    order = [5, 4, 3, 11, 10, 9, 8, 7, 6, 2, 1, 0]
    found = read(npz(tmp_path / "w.npz", X=standardised(2)[:, order], scale=1, leads=np.array(writing)[order]))
    assert np.allclose(windows(found), standardised(2))


def test_a_minus_turns_a_lead_and_what_is_no_lead_is_left_out(tmp_path: Path) -> None:
    leads = [*LEADS[:3], "-aVR", *LEADS[4:], "ABP"]
    stored = np.concatenate([standardised(2), np.full((2, 1, 2500), np.nan)], axis=1)
    stored[:, 3] *= -1
    found = read(npz(tmp_path / "w.npz", X=stored, scale=1, leads=np.array(leads)))
    assert np.allclose(windows(found), standardised(2))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4", ">i2", np.int8, np.uint8])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("order", ["C", "F"])
def test_every_number_type_and_order_is_read(tmp_path: Path, dtype: Any, save: Any, order: Any) -> None:
    whole = np.dtype(dtype).kind in "iu"
    stored = np.array(np.abs(standardised(2)) * 20 if whole else standardised(2), dtype=dtype, order=order)
    save(tmp_path / "w.npz", X=stored, ecg_id=np.arange(2), scale=0.05 if whole else 1.0)
    assert np.allclose(windows(read(tmp_path / "w.npz")), stored.astype(float) * (0.05 if whole else 1), rtol=1e-6)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"X": None}, "no array X"),
        ({"ecg_id": None}, "no array ecg_id"),
        ({"X": np.zeros((2, 12, 2000))}, "shape"),
        ({"X": np.zeros((2, 8, 2500))}, "shape"),
        ({"X": np.zeros((2, 12, 2500), bool)}, "bool"),
        ({"X": np.zeros((2, 12, 2500), complex)}, "complex"),
        ({"X": np.zeros((2, 12, 2500), [("a", "i2")])}, "void"),
        ({"X": np.array([None])}, "object"),
        ({"X": np.zeros((0, 12, 2500)), "ecg_id": np.zeros(0, int)}, "no windows"),
        ({"ecg_id": np.array([7])}, "shape"),
        ({"ecg_id": np.array([7.5, 8.5])}, "float64"),
        ({"ecg_id": np.array([[7], [8]])}, "list"),
        ({"ecg_id": np.zeros(2**24, int)}, "too large"),
        ({"leads": np.array([*LEADS, *map(str, range(100))])}, "the most is 64"),
        ({"ecg_id": np.array([7, {}], dtype=object)}, "object"),
        ({"fs": 500}, "samples a second"),
        ({"fs": np.array([250, 250])}, "fs must be one number"),
        ({"scale": np.nan}, "scale must be one number"),
        ({"scale": 0}, "scale must be one number"),
        ({"leads": np.array(["I"] * 12)}, "I twice"),
        ({"leads": np.array([*LEADS[:11], "V6R"])}, "missing leads: V6"),
        ({"leads": np.array([*LEADS[:3], "aVR (inverted)", *LEADS[4:]])}, "missing leads: aVR"),
    ],
)
def test_an_npz_of_another_form_is_refused(tmp_path: Path, fields: dict[str, Any], reason: str) -> None:
    (found,) = read(npz(tmp_path / "w.npz", **fields))
    assert isinstance(found, Unread) and reason in found.reason


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda window: window.fill(0), "constant"),
        (lambda window: window[3].fill(1.5), "constant) in aVR"),
        (lambda window: window[3, 5:6].fill(np.nan), "missing or infinite"),
        (lambda window: window[3, 5:6].fill(np.inf), "missing or infinite"),
        (lambda window: np.multiply(window, 0.2, out=window), "z-scored"),
        (lambda window: np.multiply(window, 1000, out=window), "z-scored"),
        (lambda window: np.multiply(window, 1e37, out=window), "z-scored"),
        (lambda window: np.multiply(window, 1e300, out=window), "missing or infinite"),
    ],
)
def test_one_bad_window_is_named_and_does_not_stop_the_others(tmp_path: Path, spoil: Any, reason: str) -> None:
    stored = standardised(2)
    spoil(stored[0])
    bad, good = read(npz(tmp_path / "w.npz", X=stored, scale=1))
    assert isinstance(bad, Unread) and reason in bad.reason and bad.name.endswith(": 7, window 0")
    assert isinstance(good, Record)


def member(shape: str, descr: str = "<f4", content: bytes = b"") -> bytes:
    """Return an `.npy` whose header says anything."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content


HOSTILE = {
    "huge shape": member("(9999999999999, 12, 2500)"),
    "overflowing shape": member(f"({2**63}, {2**63}, 2500)"),
    "negative shape": member("(-1, 12, 2500)"),
    "object": member("(2, 12, 2500)", "|O", b"\x80\x04K\x01."),
    "wide text": member("(2,)", "<U999999999"),
    "empty text": member("(2,)", "<U0"),
    "short": member("(2, 12, 2500)", content=b"\0" * 100),
    "deep header": member("(" * 4000 + ")" * 4000),
    "many signs": member("(" + "-" * 9000 + "1,)"),
    "wide header": b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b" " * 1000,
    "nothing": b"",
    "text": b"hello",
}


@pytest.mark.parametrize("name", ["X", "ecg_id", "scale", "leads", "fs"])
@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_array_is_refused_in_little_memory(tmp_path: Path, name: str, content: bytes) -> None:
    arrays = {key: io.BytesIO() for key in ("X", "ecg_id", "scale", "leads", "fs")}
    values = (standardised(2).astype("<f4"), np.arange(2), 1.0, np.array(LEADS), 250)
    for file, value in zip(arrays.values(), values, strict=True):
        np.save(file, value)
    with zipfile.ZipFile(tmp_path / "w.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for key, file in arrays.items():
            archive.writestr(f"{key}.npy", content if key == name else file.getvalue())
    tracemalloc.start()
    (found,) = read(tmp_path / "w.npz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(found, Unread) and found.reason and peak < 20e6


def test_a_bomb_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.inference.windows._MAX_WHOLE_BYTES", 2**20)
    np.savez_compressed(tmp_path / "bomb.npz", X=np.zeros((20, 12, 2500)), ecg_id=np.arange(20))
    (found,) = read(tmp_path / "bomb.npz")
    assert isinstance(found, Unread) and "compressed" in found.reason
    np.savez_compressed(tmp_path / "real.npz", X=standardised(20), ecg_id=np.arange(20))
    assert len(windows(read(tmp_path / "real.npz"))) == 20


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_a_damaged_npz_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("npz") / "w.npz"
    np.savez_compressed(path, X=standardised(1).astype(np.float16), ecg_id=np.arange(1))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1) | st.integers(len(content) - 400, len(content) - 1))] ^= 0xFF
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content)
    assert read(path)


def test_bytes_that_are_no_npz_are_refused(tmp_path: Path) -> None:
    (tmp_path / "w.npz").write_bytes(b"PK\x03\x04nothing")
    (tmp_path / "v.npz").write_bytes(b"")
    np.save(tmp_path / "array.npy", np.zeros(3))
    (tmp_path / "array.npy").rename(tmp_path / "u.npz")
    found = read(*(tmp_path / name for name in ("u.npz", "v.npz", "w.npz", "x.npz", "W.NPZ")))
    assert len(found) == 5 and all(isinstance(each, Unread) for each in found)


def test_a_dataset_is_read_by_its_windows_or_its_folder(store_folder: Path) -> None:
    found = read(store_folder / "windows.npy")
    stored = np.load(store_folder / "windows.npy")
    assert np.array_equal(windows(found), stored.astype(np.float32))
    assert [each.name for each in read(store_folder)] == [each.name for each in found]  # type: ignore[union-attr]


def test_a_dataset_needs_its_names_and_the_model_s_preprocessing(store_folder: Path, tmp_path: Path) -> None:
    shutil.copy(store_folder / "windows.npy", tmp_path)
    (alone,) = read(tmp_path / "windows.npy")
    assert isinstance(alone, Unread) and "windows.parquet" in alone.reason
    shutil.copy(store_folder / "windows.parquet", tmp_path)
    assert len(windows(read(tmp_path / "windows.npy"))) == len(np.load(store_folder / "windows.npy"))
    description = json.loads((store_folder / "dataset.json").read_text())
    description["preprocessing"]["antialias"] = True
    (tmp_path / "dataset.json").write_text(json.dumps(description))
    (other,) = read(tmp_path / "windows.npy")
    assert isinstance(other, Unread) and "same preprocessing" in other.reason
    (tmp_path / "dataset.json").write_text("[]")
    (damaged,) = read(tmp_path / "windows.npy")
    assert isinstance(damaged, Unread)
