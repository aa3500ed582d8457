"""A bundle as one file: the same bytes each time; whatever is no whole bundle is refused, and nothing is left outside."""

import hashlib
import io
import json
import os
import shutil
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml.bundles.archive import OWN_NAMES, WEIGHTS, pack, shapes, unpack
from ml.bundles.bundle import SEAL, InvalidBundle, read_manifest
from ml.bundles.check import check
from ml.starter import BUNDLE

LONGEST = 10_000_000


def packed(folder: Path = BUNDLE) -> bytes:
    length, pieces = pack(folder, read_manifest(folder))
    content = b"".join(pieces)
    assert len(content) == length
    return content


def archive(*members: tuple[str, bytes], kind: bytes = tarfile.REGTYPE, **how: Any) -> bytes:
    """A tar of our own making."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=how.pop("mode", "w"), format=how.pop("format", tarfile.USTAR_FORMAT)) as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size, info.type = len(content), kind
            for attribute, value in how.items():
                setattr(info, attribute, value)
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def files(folder: Path = BUNDLE) -> list[tuple[str, bytes]]:
    return [(name, (folder / name).read_bytes()) for name in (*OWN_NAMES, *read_manifest(folder).files)]


def test_there_and_back(tmp_path: Path) -> None:
    content = packed()
    manifest = unpack(io.BytesIO(content), tmp_path / "bundle", LONGEST)
    assert manifest == read_manifest(BUNDLE)
    for name, written in files():
        assert (tmp_path / "bundle" / name).read_bytes() == written
    assert packed(tmp_path / "bundle") == content


def test_the_bytes_do_not_depend_on_the_files_owner_or_time(tmp_path: Path) -> None:
    shutil.copytree(BUNDLE, tmp_path / "bundle")
    for path in (tmp_path / "bundle").iterdir():
        path.chmod(0o600)
        os.utime(path, (1, 1))
    assert packed(tmp_path / "bundle") == packed()


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_what_tar_programs_write_is_read(tmp_path: Path, form: int) -> None:
    """With `./` before names, with folders, and with attributes such as a time in nanoseconds."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as tar:
        tar.add(BUNDLE, arcname=".")
    stream.seek(0)
    assert unpack(stream, tmp_path / "bundle", LONGEST) == read_manifest(BUNDLE)


NAMES = ("/etc/passwd", "../outside.json", "plots/../../outside.json", "plots/x/y.svg", "bundle.json\n", "Bundle.json",
         "weights.bin", "model.pkl", "._card.md", "plots", "card.md/", "", ".", "C:\\card.md", "card.md\x00.pkl")  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_no_bundle_has_is_refused(tmp_path: Path, name: str) -> None:
    foreign = tmp_path / "here"
    with pytest.raises(InvalidBundle):
        unpack(io.BytesIO(archive(*files(), (name, b"x"))), foreign, LONGEST)
    assert {path.name for path in tmp_path.iterdir()} == {"here"}
    assert {path.name for path in foreign.iterdir()} <= {"plots", *OWN_NAMES, *read_manifest(BUNDLE).files}


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE],
)
def test_links_and_special_files_are_refused(tmp_path: Path, kind: bytes) -> None:
    hostile = archive(("card.md", b""), kind=kind, linkname="/etc/passwd")
    with pytest.raises(InvalidBundle, match=r"a link or special file that no bundle has: 'card.md'"):
        unpack(io.BytesIO(hostile), tmp_path / "bundle", LONGEST)
    assert not (tmp_path / "bundle" / "card.md").exists()


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_a_compressed_archive_is_refused_unread(tmp_path: Path, mode: str) -> None:
    bomb = archive(("card.md", bytes(5_000_000)), mode=mode)
    with pytest.raises(InvalidBundle, match=r"compressed|cut off"):
        unpack(io.BytesIO(bomb), tmp_path / "bundle", LONGEST)


def test_sizes_are_bounded_before_anything_is_written(tmp_path: Path) -> None:
    claimed = bytearray(archive(("card.md", b"x")))
    claimed[124:136] = b"77777777777\0"
    claimed[148:156] = b"%06o\0 " % (sum(claimed[:148]) + 8 * 32 + sum(claimed[156:512]))
    with pytest.raises(InvalidBundle, match=r"card.md is larger than 10,000,000 bytes"):
        unpack(io.BytesIO(bytes(claimed)), tmp_path / "claimed", LONGEST)
    with pytest.raises(InvalidBundle, match=r"weights.safetensors is larger than"):
        unpack(io.BytesIO(packed()), tmp_path / "limited", 100_000)  # of all files together
    many = archive(*((f"plots/{number}.svg", b"") for number in range(1000)))
    with pytest.raises(InvalidBundle, match="more than 300 members"):
        unpack(io.BytesIO(many), tmp_path / "many", LONGEST)


def test_every_file_once_and_none_that_the_manifest_does_not_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidBundle, match=r"card.md is in the archive twice"):
        unpack(io.BytesIO(archive(*files(), ("card.md", b"x"))), tmp_path / "twice", LONGEST)
    with pytest.raises(InvalidBundle, match=r"bundle.json does not name plots/x.svg"):
        unpack(io.BytesIO(archive(*files(), ("plots/x.svg", b"x"))), tmp_path / "foreign", LONGEST)
    for place, (name, _) in enumerate(files()):
        with pytest.raises(InvalidBundle, match=name):
            unpack(
                io.BytesIO(archive(*(each for i, each in enumerate(files()) if i != place))), tmp_path / name, LONGEST
            )


def test_a_changed_byte_in_any_file_is_refused(tmp_path: Path) -> None:
    for place, (name, content) in enumerate(files()):
        changed = bytes([content[0] ^ 1]) + content[1:]
        members = [*files()[:place], (name, changed), *files()[place + 1 :]]
        with pytest.raises(InvalidBundle):
            unpack(io.BytesIO(archive(*members)), tmp_path / name, LONGEST)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_archive_is_refused_and_never_crashes(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Cut anywhere, or with any byte of a header changed: refused, or, where the byte says nothing, read as it was."""
    whole = packed()
    damaged = bytearray(whole)
    if data.draw(st.booleans()):
        del damaged[data.draw(st.integers(0, len(whole) - 1025)) :]
    else:
        header = data.draw(
            st.sampled_from([at for at in range(0, len(whole) - 512, 512) if whole[at + 257 : at + 262] == b"ustar"])
        )
        damaged[header + data.draw(st.integers(0, 511))] ^= data.draw(st.integers(1, 255))
    folder = tmp_path_factory.mktemp("damaged") / "bundle"
    try:
        manifest = unpack(io.BytesIO(bytes(damaged)), folder, LONGEST)
    except InvalidBundle:
        return
    assert manifest == read_manifest(BUNDLE)


def sealed(folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Write a bundle's manifest anew, with a right seal: what somebody who means harm can do."""
    manifest = json.loads((folder / "bundle.json").read_bytes())
    change(manifest)
    text = json.dumps(manifest).encode()
    (folder / "bundle.json").write_bytes(text)
    (folder / SEAL).write_bytes(f"{hashlib.sha256(text).hexdigest()}  bundle.json\n".encode())
    return folder


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(BUNDLE, tmp_path / "copy")
    return tmp_path / "copy"


def with_weights(folder: Path, content: bytes) -> bytes:
    (folder / WEIGHTS).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    sealed(folder, lambda manifest: manifest.update(weights_sha256=digest))
    return archive(*files(folder))


PICKLED = b"\x80\x04\x95" + bytes(200)
HUGE_HEADER = struct.pack("<Q", 2**40) + b"{}"
OVERLAPPING = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, "b": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()  # fmt: skip
TOO_SHORT = json.dumps({"a": {"dtype": "F32", "shape": [1000], "data_offsets": [0, 4000]}}).encode()


@pytest.mark.parametrize(
    "content",
    [b"", b"x", PICKLED, HUGE_HEADER, *(struct.pack("<Q", len(header)) + header + bytes(4) for header in (OVERLAPPING, TOO_SHORT))],
)  # fmt: skip
def test_weights_that_are_no_safetensors_are_refused(copy: Path, tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InvalidBundle, match="is not a safetensors file"):
        unpack(io.BytesIO(with_weights(copy, content)), tmp_path / "bundle", LONGEST)


def test_a_network_that_is_too_large_or_another_is_refused_without_building_it(copy: Path) -> None:
    check(copy)
    sealed(
        copy, lambda manifest: manifest.update(architecture="resnet1d", encoder={"blocks": [100] * 8, "width": 1024})
    )
    with pytest.raises(InvalidBundle, match="the weights do not fit the network"):
        check(copy)
    sealed(copy, lambda manifest: manifest.update(architecture="beatnet", encoder=None, preset="nowhere"))
    with pytest.raises(InvalidBundle, match="no network is called nowhere"):
        check(copy)


def test_shapes_are_those_of_the_weights() -> None:
    from safetensors.numpy import load_file

    assert shapes(BUNDLE) == {name: value.shape for name, value in load_file(BUNDLE / WEIGHTS).items()}
