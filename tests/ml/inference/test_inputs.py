"""Paths to windows: everything readable is read, everything else is named."""

from pathlib import Path

import numpy as np
import pytest

from ml.corpus.simulator.heart import record
from ml.formats.wfdb import write_wfdb
from ml.inference.inputs import Record, Unread, read_all
from ml.signals import Preprocessing, preprocess


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(2):
        (tmp_path / f"sub{number}").mkdir()
        recording = record({"sinus_rhythm"}, np.random.default_rng(number), duration_s=21.0)
        for name, content in write_wfdb(recording, f"r{number}").items():
            (tmp_path / f"sub{number}" / name).write_bytes(content)
    return tmp_path


def read(*paths: Path) -> list[Record | Unread]:
    return list(read_all(paths, Preprocessing()))


def npz(path: Path, **fields: object) -> Path:
    content = {"X": np.zeros((2, 12, 2500), np.int16), "ecg_id": np.array([7, 8]), "scale": 0.02, "fs": 250, **fields}
    np.savez(path, **{name: value for name, value in content.items() if value is not None})
    return path


def test_a_record_with_or_without_its_ending_and_a_folder(folder: Path) -> None:
    with_ending, without = read(folder / "sub0/r0.hea", folder / "sub0/r0")
    first, second = read(folder)
    assert isinstance(first, Record) and isinstance(with_ending, Record) and isinstance(without, Record)
    assert [first.name, second.name] == ["r0", "r1"]
    assert first.windows.shape == (2, 12, 2500)
    assert np.array_equal(first.windows, with_ending.windows) and np.array_equal(first.windows, without.windows)
    expected = record({"sinus_rhythm"}, np.random.default_rng(0), duration_s=21.0)
    assert np.allclose(first.windows, preprocess(expected.millivolts(), 500.0).values, atol=1e-5)


def test_what_cannot_be_read_is_named_and_the_next_is_read(folder: Path) -> None:
    (folder / "sub0/r0.dat").unlink()
    (folder / "a.hea").write_text("nonsense")
    bad, lost, good = read(folder)
    assert isinstance(bad, Unread) and bad.name.endswith("a.hea")
    assert isinstance(lost, Unread) and "not sent" in lost.reason
    assert isinstance(good, Record)
    (missing,) = read(folder / "nowhere")
    assert isinstance(missing, Unread) and "No such file" in missing.reason


def test_a_header_cannot_open_another_file(folder: Path) -> None:
    header = folder / "sub0/r0.hea"
    header.write_text(header.read_text().replace("r0.dat", "../sub1/r1.dat"))
    (found,) = read(header)
    assert isinstance(found, Unread)


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    (found,) = read(tmp_path)
    assert isinstance(found, Unread) and "no record" in found.reason


def test_windows_are_scaled_and_their_leads_put_in_order(tmp_path: Path) -> None:
    leads = ["aVF", "aVL", "aVR", "V6", "V5", "V4", "V3", "V2", "V1", "III", "II", "I"]
    windows = np.arange(12, dtype=np.int16)[None, :, None] * np.ones((2, 12, 2500), np.int16)
    first, second = read(npz(tmp_path / "w.npz", X=windows, leads=np.array(leads)))
    assert isinstance(first, Record) and isinstance(second, Record)
    assert (first.name, second.name) == ("7", "8")
    expected = np.array([11, 10, 9, 2, 1, 0, 8, 7, 6, 5, 4, 3]) * 0.02
    assert np.allclose(first.windows[0, :, 0], expected)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"X": None}, "lacks"),
        ({"ecg_id": None}, "lacks"),
        ({"X": np.zeros((2, 12, 2000))}, "shape"),
        ({"X": np.zeros((2, 12, 2500), bool)}, "bool"),
        ({"ecg_id": np.array([7])}, "each window"),
        ({"fs": 500}, "samples a second"),
        ({"leads": np.array(["I"] * 12)}, "leads"),
        ({"ecg_id": np.array([7, {}], dtype=object)}, "allow_pickle"),
    ],
)
def test_an_npz_of_another_form_is_refused(tmp_path: Path, fields: dict[str, object], reason: str) -> None:
    (found,) = read(npz(tmp_path / "w.npz", **fields))
    assert isinstance(found, Unread) and reason in found.reason


def test_one_window_that_is_none_does_not_stop_the_others(tmp_path: Path) -> None:
    windows = np.zeros((2, 12, 2500))
    windows[0, 3, 5] = np.nan
    bad, good = read(npz(tmp_path / "w.npz", X=windows))
    assert isinstance(bad, Unread) and bad.name.endswith(": 7")
    assert isinstance(good, Record)


def test_bytes_that_are_no_npz_are_refused(tmp_path: Path) -> None:
    (tmp_path / "w.npz").write_bytes(b"PK\x03\x04nothing")
    (tmp_path / "v.npz").write_bytes(b"")
    np.save(tmp_path / "array.npy", np.zeros(3))
    (tmp_path / "array.npy").rename(tmp_path / "u.npz")
    found = read(*(tmp_path / name for name in ("u.npz", "v.npz", "w.npz", "x.npz")))
    assert len(found) == 4 and all(isinstance(each, Unread) for each in found)
