"""Unpacking a `.zip` or a `.tar.gz` that somebody sent, into a folder of our own.

What is written is bounded while it is written, whatever the archive says of its sizes. Members have new names nowhere:
a name that would lie outside the folder refuses the archive. Only regular files are written; a link or a device is
passed over and named.
"""

import errno
import gzip
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple

from ml.archives import Rejected
from ml.formats import Reason

MEBIBYTE = 1024 * 1024
PIECE = MEBIBYTE  # bytes that are read at once
MOST_MEMBERS = 500_000
MOST_RATIO = 100  # bytes that may come of one byte of the archive
ALWAYS = 64 * MEBIBYTE  # bytes that may come of any archive
DEEPEST = 32  # folders
LONGEST_NAME = 1_000  # characters, with folders
MOST_DIRECTORY = 64 * MEBIBYTE  # bytes of the list of a zip's members, which is read whole

_ZIP = b"PK\x03\x04"
_GZIP = b"\x1f\x8b"
_END = struct.Struct("<4s4H2LH")  # the end of a zip: signature, disks, members, size and place of the list, comment
_END64 = struct.Struct("<4sQ2H2L4Q")
_END64_PLACE = struct.Struct("<4sLQL")
_LATEST = 2**32  # seconds since 1970
_DAMAGED = (
    *(zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, struct.error),
    *(EOFError, OverflowError, RecursionError, ValueError),  # what tarfile and zipfile raise besides for odd headers
)


class RefusedArchive(ValueError):
    """An archive that is not unpacked. `code` is a word for programs; the message names no member."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class Limits(NamedTuple):
    """How much may come of an archive."""

    bytes_: int
    members: int = MOST_MEMBERS

    def for_archive(self, size: int) -> "Limits":
        """Return the limits of an archive of so many bytes: the ratio is one of them."""
        return self._replace(bytes_=min(self.bytes_, max(ALWAYS, MOST_RATIO * size)))


class _Member(NamedTuple):
    """A member: its name, whether it is a regular file or a folder, its time of change, and its content."""

    name: str
    is_file: bool
    is_folder: bool
    modified_s: float
    open: Callable[[], IO[bytes]]


def unpack(archive: Path, folder: Path, limits: Limits, check: Callable[[], None] = lambda: None) -> list[Rejected]:
    """Write the files of an archive below a new folder; return the members that are no regular files.

    `check` is called between pieces, and may raise. Files have the time that the archive says they were changed at.

    Raises
    ------
    RefusedArchive
        If it is neither kind of archive, damaged, encrypted, too large in any way, or has a name outside the folder.
    """
    size = archive.stat().st_size
    writer = _Writer(folder, limits.for_archive(size), check)
    with archive.open("rb") as file:
        head = file.read(4)
        file.seek(0)
        try:
            if head == _ZIP:
                writer.take(_members_of_zip(file, size))
            elif head[:2] == _GZIP:
                with _members_of_tar(file, writer.limits.bytes_) as members:
                    writer.take(members)
            else:
                raise RefusedArchive("unknown_archive", "the file is neither a .zip nor a .tar.gz with files in it")
        except RefusedArchive:
            raise
        except _DAMAGED as error:
            raise RefusedArchive("damaged_archive", "the archive is damaged, or cut off") from error
        except OSError as error:
            if error.errno != errno.EINVAL:  # zipfile goes to a place before the beginning
                raise
            raise RefusedArchive("damaged_archive", "the archive is damaged, or cut off") from error
        except (NotImplementedError, RuntimeError) as error:  # zipfile's words for methods and passwords
            raise RefusedArchive(
                "unsupported_archive", "the archive is encrypted or packed by another method"
            ) from error
    return writer.passed_over


class _Writer:
    """Writes members within limits."""

    def __init__(self, folder: Path, limits: Limits, check: Callable[[], None]) -> None:
        self.limits = limits
        self.passed_over: list[Rejected] = []
        self._folder = folder
        self._check = check
        self._written = 0
        self._made: set[tuple[str, ...]] = set()
        folder.mkdir()

    def take(self, members: Iterator[_Member]) -> None:
        """Write the members that are files, and note those that are neither files nor folders."""
        for number, member in enumerate(members, 1):
            self._check_count(number)
            parts = _parts(member.name)
            if member.is_folder or not parts:
                continue
            if not member.is_file:
                self._pass_over(parts, "not_a_file", "it is a link or a device")
                continue
            self._make_folders(parts[:-1], number)
            self._write(member, parts)

    def _make_folders(self, parts: list[str], members: int) -> None:
        """Make the folders of a member. They count as members do: a short name may have many."""
        for end in range(1, len(parts) + 1):
            folder = tuple(parts[:end])
            if folder not in self._made:
                self._made.add(folder)
                self._check_count(members + len(self._made))

    def _check_count(self, count: int) -> None:
        if count > self.limits.members:
            detail = f"the archive has more than {self.limits.members:,} members and folders"
            raise RefusedArchive("too_many_members", detail)

    def _write(self, member: _Member, parts: list[str]) -> None:
        path = self._folder.joinpath(*parts)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except (FileExistsError, NotADirectoryError):
            self._pass_over(parts, "same_name", "another member has the same name, or is its folder")
            return
        with os.fdopen(descriptor, "wb") as file, member.open() as content:
            while piece := content.read(PIECE):
                self._check()
                self._written += len(piece)
                if self._written > self.limits.bytes_:
                    detail = f"more than {self.limits.bytes_:,} bytes come of the archive"
                    raise RefusedArchive("too_large", detail)
                file.write(piece)
        os.utime(path, (member.modified_s, member.modified_s))

    def _pass_over(self, parts: list[str], code: str, detail: str) -> None:
        self.passed_over.append(Rejected(place="/".join(parts), reasons=(Reason(code, detail),)))


def _parts(name: str) -> list[str]:
    """Return a member's folders and name. Raises `RefusedArchive` for a name that may lie outside the folder."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    outside = name.startswith("/") or ".." in parts or any(set(part) & set("\\:\0") for part in parts)
    if outside:
        raise RefusedArchive("unsafe_name", "a member's name is not one below a folder")
    if len(name) > LONGEST_NAME or len(parts) > DEEPEST or any(len(os.fsencode(part)) > 255 for part in parts):
        raise RefusedArchive("unsafe_name", f"a member's name is too long, or more than {DEEPEST} folders deep")
    return parts


def _members_of_zip(file: IO[bytes], size: int) -> Iterator[_Member]:
    if _directory_bytes(file, size) > MOST_DIRECTORY:
        raise RefusedArchive("too_many_members", f"the list of members has more than {MOST_DIRECTORY:,} bytes")
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            is_file = not info.is_dir() and kind in (0, stat.S_IFREG)
            yield _Member(info.filename, is_file, info.is_dir(), _time_of(info), partial(archive.open, info))


def _directory_bytes(file: IO[bytes], size: int) -> int:
    """Return how long a zip's list of members is. Raises `RefusedArchive` where the zip has no end."""
    file.seek(max(0, size - _END.size - 2**16))
    tail = file.read()
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) - place < _END.size:
        raise RefusedArchive("damaged_archive", "the archive is damaged, or cut off")
    *_, length, offset, _ = _END.unpack_from(tail, place)
    before = place - _END64_PLACE.size
    if before >= 0 and tail.startswith(b"PK\x06\x07", before):
        *_, offset, _ = _END64_PLACE.unpack_from(tail, before)
        file.seek(offset)
        length = _END64.unpack(file.read(_END64.size))[-2]
    file.seek(0)
    return int(length)


def _time_of(info: zipfile.ZipInfo) -> float:
    """Return a time that follows from the member's alone; zips have local times of an unknown place."""
    year, month, day, hour, minute, second = info.date_time
    return (((((year - 1980) * 12 + month) * 31 + day) * 24 + hour) * 60 + minute) * 60 + second


@contextmanager
def _members_of_tar(file: IO[bytes], most: int) -> Iterator[Iterator[_Member]]:
    with gzip.GzipFile(fileobj=file) as unpacked:
        bounded = _Bounded(unpacked, most + 1024 * MOST_MEMBERS)
        with tarfile.TarFile(fileobj=bounded) as archive:  # type: ignore[arg-type]
            yield _tar_members(archive)


def _tar_members(archive: tarfile.TarFile) -> Iterator[_Member]:
    while (info := archive.next()) is not None:
        archive.members = []  # type: ignore[attr-defined]  # they are not asked for again
        is_file = info.isreg() and not info.issparse()
        modified_s = min(max(0, int(info.mtime)), _LATEST)
        yield _Member(info.name, is_file, info.isdir(), modified_s, partial(_content, archive, info))


def _content(archive: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    content = archive.extractfile(info)
    assert content is not None
    return content


class _Bounded:
    """A stream that gives so many bytes, and not more than a few pieces at once: headers of a tar may ask for all."""

    def __init__(self, file: gzip.GzipFile, most: int) -> None:
        self._file = file
        self._most = most

    def read(self, length: int = -1) -> bytes:
        """Return the next bytes."""
        if not 0 <= length <= 4 * PIECE:
            raise RefusedArchive("damaged_archive", "a header of the archive is too long")
        if self._file.tell() > self._most:
            raise RefusedArchive("too_large", f"more than {self._most:,} bytes come of the archive")
        return self._file.read(length)

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        """Go on to a place further on."""
        if whence != os.SEEK_SET or place > self._most:
            raise RefusedArchive("too_large", f"more than {self._most:,} bytes come of the archive")
        return self._file.seek(place)

    def tell(self) -> int:
        """Return the place."""
        return self._file.tell()
