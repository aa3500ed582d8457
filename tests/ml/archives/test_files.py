"""Folders of files: what is an ECG is found by content, in the order of names, and links are not followed."""

import os
import shutil
from collections import Counter
from pathlib import Path

import pytest

from ml.archives import ARCHIVES, BadArchive, Entry, Found, Rejected, read
from ml.archives.walk import DEEPEST
from tests.ml.formats.segments import fixed, piece, variable


def places(found: list[Found]) -> list[str]:
    return [each.place for each in found if isinstance(each, Rejected)]


def signals(found: list[Found]) -> list[Path]:
    return [each.signal for each in found if isinstance(each, Entry) and each.signal]


def test_every_record_of_the_real_folder_is_found_once(shared: Path) -> None:
    found = list(read("files", shared / "wfdb"))
    assert signals(found) == sorted((shared / "wfdb").rglob("*.hea"), key=lambda path: path.parts)
    assert all(entry.record is None and entry.readings == () for entry in found if isinstance(entry, Entry))
    assert places(found) == ["ludb/EGM/ludb-ecg.dat"]  # the header beside it names another file


def test_formats_are_told_apart_by_content(shared: Path, tmp_path: Path) -> None:
    muse = shared / "formats/muse_xml"
    for path in (*muse.iterdir(), *(shared / "wfdb/ludb/EGM").iterdir()):
        if path.is_file():
            shutil.copy(path, tmp_path)
    shutil.copy(muse / "muse_ecg1.xml", tmp_path / "without_ending")
    (tmp_path / "other.xml").write_text("<html/>")
    (tmp_path / "orphan.dat").write_bytes(b"\0" * 24)
    (tmp_path / "README").write_text("text")
    found = list(read("muse-xml", tmp_path))
    assert Counter(path.suffix for path in signals(found)) == {".xml": len(list(muse.glob("*.xml"))), "": 1}
    assert places(found) == ["other.xml"]
    everything = list(read("files", tmp_path))
    assert len(signals(everything)) == len(signals(found)) + 1
    assert places(everything) == ["ludb-ecg.dat", "orphan.dat", "other.xml"]


def test_links_are_named_and_hidden_files_passed_over(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (root / ".hidden").mkdir()
    (tmp_path / "outside").mkdir()
    for folder in (root / "a", root / ".hidden", tmp_path / "outside"):
        (folder / "r.hea").write_text("r 1 500 10\nr.dat 16 200/mV 16 0 0 0 0 I\n")
    (root / "link").symlink_to(tmp_path / "outside")
    (root / "a" / "s.hea").symlink_to(tmp_path / "outside" / "r.hea")
    os.mkfifo(root / "a" / "pipe.hea")
    found = list(read("files", root))
    assert signals(found) == [root / "a" / "r.hea"]
    assert places(found) == ["a/s.hea", "link"]


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(DEEPEST + 1):
        deep /= "d"
    deep.mkdir(parents=True)
    (rejected,) = read("files", tmp_path)
    assert isinstance(rejected, Rejected) and rejected.reasons[0].code == "too_deep"
    with pytest.raises(BadArchive, match="is no folder"):
        list(read("files", tmp_path / "absent"))


def test_a_segment_is_no_record_of_its_own(tmp_path: Path) -> None:
    at = ARCHIVES["files"].at
    assert at is not None
    for number, files in enumerate((fixed(900, 2000), variable())):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name, content in (files | piece("alone", 0, 900)).items():
            (folder / name).write_bytes(content)
        found = [path.name for path in sorted(folder.glob("*.hea")) if at(path, folder)]
        assert found == ["alone.hea", "r.hea"] == [path.name for path in signals(list(read("files", folder)))]
