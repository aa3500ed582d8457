"""A bundle as one file, a plain tar: written the same each time, and read without trust.

The reader takes what a bundle has and nothing else: regular files with a bundle's names. Links, devices, absolute
paths and compressed or sparse members have no way in, and nothing is unpickled.
"""

import hashlib
import re
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from safetensors import SafetensorError, safe_open

from ml.bundles.bundle import MAX_FILES, MAX_MANIFEST_BYTES, SEAL, InvalidBundle, Manifest, read_file, read_manifest
from ml.processes.durable import sync

MANIFEST, WEIGHTS = "bundle.json", "weights.safetensors"
OWN_NAMES = (MANIFEST, SEAL, WEIGHTS)

_FILE_NAME = re.compile(r"(plots/)?[a-z0-9_]{1,64}\.(csv|json|md|png|svg)")
_BLOCK = 512
_PIECE = 1024 * 1024
_MAX_MEMBERS = 3 * MAX_FILES  # folders and attributes among them
_MAX_ATTRIBUTES = 64 * 1024
_MAX_FILE_BYTES = 64_000_000  # of a file that is read whole
_LARGEST = {MANIFEST: MAX_MANIFEST_BYTES, SEAL: _BLOCK, WEIGHTS: sys.maxsize}
_MAX_TENSORS = 10_000


class _Member(NamedTuple):
    """A header of the archive; `kind` is tar's: 0 a file, 5 a folder, x and g attributes of what follows."""

    name: str
    size: int
    kind: str


def pack(folder: Path, manifest: Manifest) -> tuple[int, Iterator[bytes]]:
    """Return the length of a bundle's archive and its bytes, piece by piece. The same bundle gives the same bytes."""
    files = [(name, (folder / name).stat().st_size) for name in (*OWN_NAMES, *sorted(manifest.files))]
    length = sum(_BLOCK + size + _padding(size) for _, size in files) + 2 * _BLOCK
    return length, _packed(folder, files)


def unpack(stream: IO[bytes], folder: Path, longest: int) -> Manifest:
    """Write an archive's files, at most `longest` bytes, into a new folder, check all of them, and return the manifest.

    Raises
    ------
    InvalidBundle
        When the archive is not a plain tar of a whole bundle; the message says why.
    """
    (folder / "plots").mkdir(parents=True)
    names: set[str] = set()
    for member in _members(stream):
        if member.name in names:
            raise InvalidBundle(f"{member.name} is in the archive twice")
        limit = min(_LARGEST.get(member.name, _MAX_FILE_BYTES), longest)
        if member.size > limit:
            raise InvalidBundle(f"{member.name} is larger than {limit:,} bytes")
        longest -= member.size
        names.add(member.name)
        _copy(stream, folder / member.name, member.size)
    manifest = read_manifest(folder)
    _check_names(names, manifest)
    for name in manifest.files:
        read_file(folder, manifest, name)
    with (folder / WEIGHTS).open("rb") as weights:
        if hashlib.file_digest(weights, "sha256").hexdigest() != manifest.weights_sha256:
            raise InvalidBundle(f"{WEIGHTS} is not the file that {MANIFEST} names")
    shapes(folder)
    for path in (folder / "plots", folder):
        sync(path)
    return manifest


def shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor of a bundle's weights, from their header alone.

    Raises
    ------
    InvalidBundle
        When the file is not safetensors, or its header does not describe the file exactly.
    """
    try:
        with safe_open(folder / WEIGHTS, framework="numpy") as weights:
            names = list(weights.keys())
            if len(names) > _MAX_TENSORS:
                raise InvalidBundle(f"{WEIGHTS} has more than {_MAX_TENSORS:,} tensors")
            return {name: tuple(weights.get_slice(name).get_shape()) for name in names}
    except (SafetensorError, OSError) as error:
        raise InvalidBundle(f"{WEIGHTS} is not a safetensors file: {error}") from error


def _packed(folder: Path, files: list[tuple[str, int]]) -> Iterator[bytes]:
    for name, size in files:
        header = tarfile.TarInfo(name)  # time, owner and rights are the same for every bundle
        header.size = size
        yield header.tobuf(tarfile.USTAR_FORMAT)
        with (folder / name).open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece
        yield bytes(_padding(size))
    yield bytes(2 * _BLOCK)


def _padding(size: int) -> int:
    return -size % _BLOCK


def _members(stream: IO[bytes]) -> Iterator[_Member]:
    """Yield the files of an archive. Whoever takes one reads its content from the stream; the padding is read here."""
    for _ in range(_MAX_MEMBERS):
        header = _read(stream, _BLOCK)
        if not header.strip(b"\0"):
            _check_end(stream)
            return
        member = _parse(header)
        if member.kind in ("x", "g"):  # times and owners, which some programs add
            if member.size > _MAX_ATTRIBUTES:
                raise InvalidBundle("the archive has attributes of an unusual size")
            _read(stream, member.size)
        elif member.kind == "5" and member.name in ("", "plots") and member.size == 0:
            continue
        elif member.kind == "0" and (member.name in OWN_NAMES or _FILE_NAME.fullmatch(member.name)):
            yield member
        else:
            kind = "file" if member.kind in ("0", "5") else "link or special file"
            raise InvalidBundle(f"the archive has a {kind} that no bundle has: {member.name[:60]!r}")
        _read(stream, _padding(member.size))
    raise InvalidBundle(f"the archive has more than {_MAX_MEMBERS} members")


def _parse(header: bytes) -> _Member:
    if header[257:262] != b"ustar":
        raise InvalidBundle("the file is not a tar archive, or it is compressed")
    if _octal(header[148:156]) != sum(header[:148]) + 8 * ord(" ") + sum(header[156:]):
        raise InvalidBundle("a header of the archive is damaged")
    kind = header[156:157].decode("latin-1").replace("\0", "0")
    prefix = header[345:500].rstrip(b"\0") if header[262:263] == b"\0" else b""  # GNU's has other things there
    name = (prefix + header[:100].partition(b"\0")[0]).decode("latin-1")
    if name == "." or name.startswith("./"):  # as `tar -C FOLDER .` writes them
        name = name[2:]
    return _Member(name.rstrip("/") if kind == "5" else name, _octal(header[124:136]), kind)


def _octal(field: bytes) -> int:
    digits = field.strip(b" \0")
    if not re.fullmatch(rb"[0-7]{1,12}", digits):
        raise InvalidBundle("a header of the archive is damaged")
    return int(digits, 8)


def _check_end(stream: IO[bytes]) -> None:
    while piece := stream.read(_PIECE):
        if piece.strip(b"\0"):
            raise InvalidBundle("something follows the end of the archive")


def _copy(stream: IO[bytes], path: Path, size: int) -> None:
    with path.open("xb") as file:
        while size:
            piece = _read(stream, min(size, _PIECE))
            file.write(piece)
            size -= len(piece)
    sync(path)


def _read(stream: IO[bytes], size: int) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise InvalidBundle("the archive is cut off")
    return content


def _check_names(names: set[str], manifest: Manifest) -> None:
    expected = {*OWN_NAMES, *manifest.files}
    if missing := sorted(expected - names):
        raise InvalidBundle(f"the archive lacks {', '.join(missing[:5])}")
    if foreign := sorted(names - expected):
        raise InvalidBundle(f"{MANIFEST} does not name {', '.join(foreign[:5])}")
