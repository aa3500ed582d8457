"""Archives that somebody sent: unpacked within limits, and never outside their folder."""

import gzip
import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.imports.archives import unpack as unpacking
from app.imports.archives.unpack import Limits, RefusedArchive, unpack

LIMITS = Limits(10_000_000, members=1_000)
Pack = Callable[[dict[str, bytes]], bytes]


def zipped(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, inner in files.items():
            archive.writestr(name, inner)
    return content.getvalue()


def tarred(files: dict[str, bytes], more: tuple[tarfile.TarInfo, ...] = ()) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, inner in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(inner)
            archive.addfile(info, io.BytesIO(inner))
        for info in more:
            archive.addfile(info)
    return content.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.fixture
def take(tmp_path: Path) -> Callable[..., tuple[dict[str, bytes], list[str]]]:
    def take(content: bytes, limits: Limits = LIMITS) -> tuple[dict[str, bytes], list[str]]:
        archive, folder = tmp_path / "archive", tmp_path / "unpacked"
        archive.write_bytes(content)
        passed_over = unpack(archive, folder, limits)
        files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        assert {path.name for path in tmp_path.iterdir()} == {"archive", "unpacked"}
        return files, [f"{each.place}: {each.reasons[0].code}" for each in passed_over]

    return take


Take = Callable[..., tuple[dict[str, bytes], list[str]]]
both = pytest.mark.parametrize("pack", [zipped, tarred])


@both
def test_files_are_written_as_they_are(take: Take, pack: Pack) -> None:
    files = {"a.csv": b"x" * 100_000, "records/0/b.hea": b"y", "./records/c": b""}
    assert take(pack(files)) == ({"a.csv": b"x" * 100_000, "records/0/b.hea": b"y", "records/c": b""}, [])


@both
@pytest.mark.parametrize(
    "name", ["../a", "/etc/a", "a/../../b", "a\\..\\b", "x/" * 40 + "a", "n" * 300, "ü" * 200, "a/" + "b" * 1_100]
)
def test_a_name_outside_the_folder_refuses_the_archive(take: Take, pack: Pack, name: str) -> None:
    with pytest.raises(RefusedArchive) as refused:
        take(pack({name: b"x"}))
    assert refused.value.code == "unsafe_name" and name not in str(refused.value)


@both
@pytest.mark.parametrize("members", [40 * 32, 40 * 32 - 1])
def test_folders_count_as_members(take: Take, pack: Pack, members: int) -> None:
    deep = pack({f"{number}/" + "d/" * 30 + "a": b"x" for number in range(40)})
    if members == 40 * 32:
        assert len(take(deep, Limits(10_000_000, members))[0]) == 40
    else:
        with pytest.raises(RefusedArchive) as refused:
            take(deep, Limits(10_000_000, members))
        assert refused.value.code == "too_many_members"


def test_a_name_in_another_encoding_refuses_no_archive(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    with tarfile.open(archive, mode="w:gz", encoding="latin-1", format=tarfile.GNU_FORMAT) as tar:
        tar.addfile(tarfile.TarInfo("Müller.xml"))
    assert unpack(archive, tmp_path / "unpacked", LIMITS) == []
    assert [os.fsencode(path.name) for path in (tmp_path / "unpacked").iterdir()] == ["Müller.xml".encode("latin-1")]


def test_links_and_devices_are_passed_over(take: Take) -> None:
    more = (
        special("link", tarfile.SYMTYPE, "/etc/passwd"),
        special("hard", tarfile.LNKTYPE, "a"),
        special("null", tarfile.CHRTYPE),
        special("pipe", tarfile.FIFOTYPE),
    )
    files, passed_over = take(tarred({"a": b"x"}, more))
    assert files == {"a": b"x"} and passed_over == [f"{name}: not_a_file" for name in ("link", "hard", "null", "pipe")]


def test_a_file_below_a_link_is_not_written_through_it(take: Take) -> None:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        archive.addfile(special("out", tarfile.SYMTYPE, "/tmp"))
        info = tarfile.TarInfo("out/a")
        info.size = 1
        archive.addfile(info, io.BytesIO(b"x"))
    assert take(content.getvalue()) == ({"out/a": b"x"}, ["out: not_a_file"])


def test_a_link_in_a_zip_is_passed_over(take: Take) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    assert take(content.getvalue()) == ({}, ["link: not_a_file"])


@both
def test_a_name_that_comes_twice_is_kept_once(take: Take, pack: Pack) -> None:
    with pytest.warns(UserWarning, match="Duplicate") if pack is zipped else pytest.MonkeyPatch.context():
        content = io.BytesIO()
        if pack is zipped:
            with zipfile.ZipFile(content, "w") as archive:
                archive.writestr("a", "one")
                archive.writestr("a", "two")
        else:
            with tarfile.open(fileobj=content, mode="w:gz") as tar:
                for inner in (b"one", b"two"):
                    info = tarfile.TarInfo("a")
                    info.size = 3
                    tar.addfile(info, io.BytesIO(inner))
    assert take(content.getvalue()) == ({"a": b"one"}, ["a: same_name"])


@both
def test_what_grows_too_much_is_refused(take: Take, pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RefusedArchive, match="more than"):
        take(pack({"a": bytes(20_000_000)}))
    monkeypatch.setattr(unpacking, "ALWAYS", 1_000)
    assert Limits(10**12).for_archive(500).bytes_ == 50_000


@both
def test_many_members_are_refused(take: Take, pack: Pack) -> None:
    with pytest.raises(RefusedArchive) as refused:
        take(pack({str(number): b"" for number in range(1_001)}))
    assert refused.value.code == "too_many_members"


def test_a_header_of_a_tar_cannot_ask_for_all_memory(take: Take) -> None:
    """A PAX header that is as long as it likes is read whole by the library."""
    header = special("name", tarfile.XHDTYPE)
    header.size = 2**33 - 1
    with pytest.raises(RefusedArchive):
        take(gzip.compress(header.tobuf(tarfile.USTAR_FORMAT) + bytes(1_000_000)))


def test_a_member_that_is_longer_than_the_archive_is_refused(take: Take) -> None:
    header = tarfile.TarInfo("a")
    header.size = 2**60
    with pytest.raises(RefusedArchive):
        take(gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + bytes(10_000)))


def test_an_encrypted_zip_is_refused(take: Take) -> None:
    content = bytearray(zipped({"a": b"x"}))
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + flags] |= 1
    with pytest.raises(RefusedArchive) as refused:
        take(bytes(content))
    assert refused.value.code == "unsupported_archive"


@pytest.mark.parametrize("pack", [zipped, tarred])
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_damage_ends_in_words(pack: Pack, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    content = bytearray(pack({"a/b.csv": b"record,path\n1,x\n" * 20, "c": b"\0" * 1_000}))
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=6)):
        content[place] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content
    folder = tmp_path_factory.mktemp("damage")
    (folder / "archive").write_bytes(content)
    try:
        unpack(folder / "archive", folder / "unpacked", LIMITS)
    except RefusedArchive as refused:
        assert "\n" not in str(refused)
    assert {path.name for path in folder.iterdir()} <= {"archive", "unpacked"}


def test_a_check_between_pieces_ends_it(tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(zipped({"a": b"x" * 3_000_000}))

    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        unpack(tmp_path / "archive", tmp_path / "unpacked", LIMITS, stop)


@both
def test_times_are_those_of_the_archive_and_can_be_kept(take: Take, pack: Pack, tmp_path: Path) -> None:
    take(pack({"a": b"x"}))
    first = (tmp_path / "unpacked/a").stat().st_mtime_ns
    assert 0 <= first < 2**63
