"""Paths to windows: everything readable is read, everything else is named, and nothing ends the batch."""

import os
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.corpus.simulator.heart import record
from ml.formats import disk
from ml.formats.wfdb import write_wfdb
from ml.inference.found import Record, Skipped, Unread
from ml.inference.inputs import Found, read_all
from ml.signals import Preprocessing, preprocess
from tests.ml.formats.muse import muse_file


def write(folder: Path, name: str = "r", seed: int = 0) -> dict[str, bytes]:
    folder.mkdir(parents=True, exist_ok=True)
    files = write_wfdb(record({"sinus_rhythm"}, np.random.default_rng(seed)), name)
    for file, content in files.items():
        (folder / file).write_bytes(content)
    return files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(2):
        write(tmp_path / f"sub{number}", f"r{number}", number)
    return tmp_path


def read(*paths: Path) -> list[Found]:
    return list(read_all(paths, Preprocessing()))


def names(found: list[Found]) -> list[str]:
    return [each.name for each in found if isinstance(each, Record)]


def reasons(found: list[Found]) -> dict[str, str]:
    return {Path(each.name).name: each.reason for each in found if isinstance(each, Unread)}


@pytest.mark.parametrize("given_path", ["r.hea", "r.dat", "r"])
def test_any_of_a_record_s_files_or_its_name(tmp_path: Path, given_path: str) -> None:
    write(tmp_path)
    (found,) = read(tmp_path / given_path)
    expected = record({"sinus_rhythm"}, np.random.default_rng(0))
    assert isinstance(found, Record) and found.name == "r" and found.first == 0
    assert np.allclose(found.windows, preprocess(expected.millivolts(), 500.0).values, atol=1e-5)


@pytest.mark.parametrize("given_path", ["R.HEA", "R.DAT", "R", "."])
@pytest.mark.parametrize("named", ["r.dat", "R.DAT", "records500/r.dat", "C:\\ecgs\\R.dat"])
def test_upper_case_endings_are_read_too(tmp_path: Path, given_path: str, named: str) -> None:
    files = write(tmp_path)
    for file in files:
        (tmp_path / file).unlink()
    (tmp_path / "R.HEA").write_bytes(files["r.hea"].replace(b"r.dat", named.encode()))
    (tmp_path / "R.DAT").write_bytes(files["r.dat"])
    assert names(read(tmp_path / given_path)) == ["R"]


def test_a_damaged_xml_ecg_is_an_error_and_another_xml_is_skipped(tmp_path: Path) -> None:
    content = muse_file(record({"sinus_rhythm"}, np.random.default_rng(0)))
    (tmp_path / "a.xml").write_bytes(content)
    (tmp_path / "b.xml").write_bytes(content[:5000])
    (tmp_path / "c.xml").write_text("<html/>")
    found = read(tmp_path)
    assert names(found) == ["a"] and reasons(found).keys() == {"b.xml"}
    assert [each.names for each in found if isinstance(each, Skipped)] == [("c.xml",)]


def test_files_that_a_header_names_are_read_whatever_their_name(tmp_path: Path) -> None:
    files = write(tmp_path)
    lines = files["r.hea"].decode().splitlines()
    signals = np.frombuffer(files["r.dat"], "<i2").reshape(-1, 12)
    header = [
        lines[0],
        *(line.replace("r.dat", "limb.xyz" if at < 6 else "chest") for at, line in enumerate(lines[1:])),
    ]
    (tmp_path / "r.hea").write_text("\n".join(header))
    (tmp_path / "limb.xyz").write_bytes(signals[:, :6].tobytes())
    (tmp_path / "chest").write_bytes(signals[:, 6:].tobytes())
    (tmp_path / "r.dat").unlink()
    found = read(tmp_path)
    assert names(found) == ["r"] and len(found) == 1


def test_a_folder_is_read_in_order_and_below(folder: Path) -> None:
    assert names(read(folder)) == ["r0", "r1"]


def test_what_cannot_be_read_is_named_and_the_next_is_read(folder: Path) -> None:
    (folder / "sub0/r0.dat").unlink()
    (folder / "a.hea").write_text("nonsense")
    found = read(folder)
    assert names(found) == ["r1"] and "missing" in reasons(found)["r0.hea"] and "record line" in reasons(found)["a.hea"]
    assert "No such file" in reasons(read(folder / "nowhere"))["nowhere"]


@pytest.mark.parametrize("named", ["../sub1/r1.dat", "/etc/passwd", "..", ".", "sub1/r1.dat"])
def test_a_header_opens_no_file_of_another_folder(folder: Path, named: str) -> None:
    (folder / "sub0/r0.dat").unlink()
    header = folder / "sub0/r0.hea"
    header.write_text(header.read_text().replace("r0.dat", named))
    (found,) = read(header)
    assert isinstance(found, Unread)


def test_nothing_in_a_folder_is_left_out_without_a_word(folder: Path) -> None:
    (folder / "alone.dat").write_bytes(b"\0" * 100)
    (folder / "LICENSE.txt").write_text("free")
    (folder / ".hidden").write_text("")
    (folder / "x.hea").mkdir()
    (folder / "linked").symlink_to(folder / "sub0")
    (folder / "gone.hea").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "pipe.dat")
    found = read(folder)
    assert names(found) == ["r0", "r1"]
    assert [each for each in found if isinstance(each, Skipped)] == [Skipped(str(folder), (".hidden", "LICENSE.txt"))]
    told = reasons(found)
    assert told.keys() == {"alone.dat", "x.hea", "linked", "gone.hea", "pipe.dat"}
    assert "no header" in told["alone.dat"] and "regular" in told["pipe.dat"] and "link" in told["linked"]


def test_a_link_to_a_record_is_read_and_a_circle_of_links_ends(tmp_path: Path) -> None:
    write(tmp_path / "real")
    linked = tmp_path / "linked"
    linked.mkdir()
    for name in ("r.hea", "r.dat"):
        (linked / name).symlink_to(tmp_path / "real" / name)
    (linked / "circle").symlink_to(linked)
    (linked / "itself.hea").symlink_to(linked / "itself.hea")
    found = read(linked)
    assert names(found) == ["r"] and reasons(found).keys() == {"circle", "itself.hea"}


def test_a_record_that_is_named_twice_is_answered_once(tmp_path: Path) -> None:
    write(tmp_path)
    assert names(read(*sorted(tmp_path.iterdir()), tmp_path / "r")) == ["r"]


def test_a_sparse_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    write(tmp_path)
    with (tmp_path / "r.dat").open("r+b") as file:
        file.truncate(2**40)
    (found,) = read(tmp_path / "r")
    assert isinstance(found, Unread) and "r.dat: it is larger than" in found.reason


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    assert "no ECG" in reasons(read(tmp_path))[tmp_path.name]


@pytest.mark.parametrize("ending", [".hea", ".dat", ".npz", ""])
@pytest.mark.parametrize("kind", ["fifo", "device", "folder", "loop"])
def test_what_is_no_file_does_not_stop_the_next(tmp_path: Path, ending: str, kind: str) -> None:
    path = tmp_path / f"hostile{ending}"
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/zero")
        case "folder":
            path.mkdir()
        case "loop":
            path.symlink_to(path)
    write(tmp_path / "good")
    hostile, good = read(path, tmp_path / "good/r")
    assert isinstance(hostile, Unread) and isinstance(good, Record)


def test_a_signal_file_that_is_no_file_is_named(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "r.dat").unlink()
    (tmp_path / "r.dat").symlink_to("/dev/zero")
    (found,) = read(tmp_path / "r")
    assert isinstance(found, Unread) and found.reason == "r.dat: it is not a regular file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_files_without_permission_are_named(folder: Path) -> None:
    (folder / "sub0/r0.dat").chmod(0)
    (folder / "sub1").chmod(0)
    found = read(folder)
    assert all("denied" in reason for reason in reasons(found).values()) and len(reasons(found)) == 2
    (folder / "sub1").chmod(0o700)


def test_a_record_that_is_too_large_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = write(tmp_path)
    whole = sum(map(len, files.values()))
    monkeypatch.setattr(disk, "MAX_RECORD_BYTES", whole)
    assert names(read(tmp_path / "r")) == ["r"]
    monkeypatch.setattr(disk, "MAX_RECORD_BYTES", whole - 1)
    assert "r.dat: it is larger than" in reasons(read(tmp_path / "r"))["r"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=4), st.randoms())
def test_a_folder_of_any_files_is_read_to_its_end(contents: list[bytes], rng: random.Random) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, content in enumerate(contents):
            (folder / f"{number}{rng.choice(['.hea', '.dat', '.npz', '.npy', ''])}").write_bytes(content)
        write(folder / "z")
        assert names(read(folder)) == ["r"]
