"""Records on disk: the main file, and the files that it names beside it. Reads are bounded and never wait."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ml.formats import FORMATS, EcgFile, format_of, hdf5_ecg
from ml.formats.format import HEAD_BYTES, Format, matching

MAX_RECORD_BYTES = 2**29  # a day of 12 leads at 250 Hz in 16 bits


class RecordOnDisk(NamedTuple):
    """A record's main file, and the files beside it that the main file names, as far as they are there.

    `part`: the name of an ECG in a file of many.
    """

    file_format: Format
    main: Path
    beside: tuple[Path, ...]
    part: str | None = None

    @property
    def parts(self) -> set[str]:
        """The names of main files beside this one that it names: segments, which are no records of their own."""
        return {path.name for path in self.beside if path.suffix.lower() == self.file_format.main_ending}

    def read(self) -> EcgFile:
        """Return what the record holds. Raises `Unreadable`, or `OSError` with the file that cannot be read."""
        return self.file_format.read(self.contents())

    def contents(self) -> dict[str, bytes]:
        """Return the files' contents by name, the main file first; of a file of many ECGs, a file of one.

        Raises `OSError` with the file, and `Unreadable` where an ECG cannot be taken out of its file.
        """
        if self.part is not None:
            return {f"{self.part}{hdf5_ecg.FORMAT.main_ending}": hdf5_ecg.one_of(self.main, self.part)}
        files: dict[str, bytes] = {}
        left = MAX_RECORD_BYTES
        for path in (self.main, *self.beside):
            files[path.name] = read_file(path, left)
            left -= len(files[path.name])
        return files


def record_at(path: Path) -> RecordOnDisk | None:
    """Return the record whose main file this is, or None. Raises `OSError`.

    A name that the main file gives is looked up in the main file's own folder, by its last part alone. A path below an
    HDF5 file, `exams_part0.hdf5/17`, is one of the ECGs in it.
    """
    try:
        with open_file(path) as file:
            head = file.read(HEAD_BYTES)
    except NotADirectoryError:
        with open_file(path.parent) as file:
            is_of_many = hdf5_ecg.is_hdf5(file.read(HEAD_BYTES))
        return RecordOnDisk(hdf5_ecg.FORMAT, path.parent, (), path.name) if is_of_many else None
    file_format = format_of(path.name, head)
    if file_format is None:
        return None
    beside = _named_by(path, head, file_format)
    for found in [each for each in beside if each.suffix.lower() == file_format.main_ending]:
        with open_file(found) as file:
            beside |= _named_by(found, file.read(HEAD_BYTES), file_format)  # the header of a segment names files itself
    return RecordOnDisk(file_format, path, tuple(found for found in beside if found != path))


def record_named(path: Path) -> RecordOnDisk | None:
    """Return the record that a path means: its main file, another of its files, or its name without an ending."""
    if path.exists() and (record := record_at(path)):
        return record
    for file_format in FORMATS:
        for ending in (file_format.main_ending, file_format.main_ending.upper()):
            for stem in dict.fromkeys((path.name, path.stem)):
                main = path.with_name(stem + ending)
                if main.exists() and (record := record_at(main)):
                    return record
    return None


def open_file(path: Path) -> BinaryIO:
    """Open a regular file; a FIFO, a device or a folder is an `OSError`."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a FIFO put there meanwhile does not wait
    return os.fdopen(descriptor, "rb")


def read_file(path: Path, limit: int = MAX_RECORD_BYTES) -> bytes:
    """Return the content of a regular file of at most `limit` bytes. Raises `OSError`."""
    with open_file(path) as file:
        too_large = os.fstat(file.fileno()).st_size > limit  # a sparse file is large before it is read
        content = b"" if too_large else file.read(limit + 1)
    if too_large or len(content) > limit:
        raise OSError(errno.EFBIG, f"it is larger than {limit:,} bytes", str(path))
    return content


def _named_by(path: Path, head: bytes, file_format: Format) -> dict[Path, None]:
    """Return the files beside a file that its first bytes name, in its order."""
    return dict.fromkeys(found for name in file_format.names(head) for found in _beside(path.parent, name))


def _beside(folder: Path, name: str) -> list[Path]:
    if (exact := folder / name).exists():
        return [exact]
    return [folder / found for found in matching([path.name for path in folder.iterdir()], name)]
