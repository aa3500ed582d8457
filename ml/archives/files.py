"""Folders of ECG files, of every format or of one. What is known of an ECG is in its file, and is read with it."""

import os
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from ml.archives.entry import Entry, Rejected
from ml.archives.kind import ArchiveKind, Found, Options
from ml.archives.walk import folders_below, place_of, unreadable
from ml.formats import FORMATS, muse_xml, wfdb
from ml.formats.disk import RecordOnDisk, open_file, record_at
from ml.formats.format import HEAD_BYTES, Format
from ml.formats.recording import Reason
from ml.formats.wfdb_header import ENDING, has_segments


def read(root: Path, options: Options) -> Iterator[Found]:
    """Yield an entry for each record of a known format, in the order of names."""
    yield from records_below(root, FORMATS)


def read_muse_xml(root: Path, options: Options) -> Iterator[Found]:
    """Yield an entry for each GE MUSE XML file, in the order of names; files of other formats are passed over."""
    yield from records_below(root, (muse_xml.FORMAT,))


def records_below(root: Path, formats: Sequence[Format]) -> Iterator[Found]:
    """Yield the records of some formats in a folder and below.

    Rejected are links, files that cannot be read, and files with the ending of one of the formats that belong to no
    record. Other files are passed over.
    """
    for found in folders_below(root):
        if isinstance(found, Rejected):
            yield found
        else:
            yield from _records(*found, root, formats)


def _records(folder: Path, names: Sequence[str], root: Path, formats: Sequence[Format]) -> Iterator[Found]:
    of_a_record: set[str] = set()
    others: list[str] = []
    records: list[RecordOnDisk] = []
    for name in names:
        try:
            record = record_at(folder / name)
        except OSError as error:
            yield unreadable(folder / name, root, error)
            continue
        if record is None:
            others.append(name)
            continue
        of_a_record.update(beside.name for beside in record.beside)
        if record.file_format in formats:
            records.append(record)
    parts = {name for record in records for name in record.parts}
    for record in records:
        if record.parts or record.main.name not in parts:
            yield Entry(record=None, signal=record.main)
    endings = tuple(ending for file_format in formats for ending in file_format.endings)
    for name in others:
        if name not in of_a_record and name.lower().endswith(endings):
            reason = Reason(
                "unknown_format", "it has the ending of an ECG file, and belongs to no record that is known"
            )
            yield Rejected(place=place_of(folder / name, root), reasons=(reason,))


def record_of(path: Path, root: Path, formats: Sequence[Format]) -> Found | None:
    """Return the record of some formats whose main file this is; None for other files.

    Rejected is a file with the ending of a main file that is none, perhaps because it is not complete. A segment of
    another record in its folder is no record.
    """
    try:
        record = record_at(path)
        if record and not record.parts and record.file_format is wfdb.FORMAT and path.name in _segments_in(path.parent):
            return None
    except OSError as error:
        return unreadable(path, root, error)
    if record is not None:
        return Entry(record=None, signal=record.main) if record.file_format in formats else None
    if not path.name.lower().endswith(tuple(file_format.main_ending for file_format in formats)):
        return None
    reason = Reason("unknown_format", "it has the ending of an ECG file, and is none that is known")
    return Rejected(place=place_of(path, root), reasons=(reason,))


def _segments_in(folder: Path) -> frozenset[str]:
    """Return the names of the headers that headers of a folder name as their segments. Raises `OSError`."""
    return _segments_when(folder, folder.stat().st_mtime_ns)


@lru_cache(maxsize=256)
def _segments_when(folder: Path, modified_ns: int) -> frozenset[str]:
    """Return them as they were when a name in the folder last changed: all its files are then asked for together."""
    named: set[str] = set()
    with os.scandir(folder) as inside:
        for each in inside:
            if each.name.lower().endswith(ENDING) and each.is_file(follow_symlinks=False):
                named.update(_segments_of(folder / each.name, each.stat().st_mtime_ns))
    return frozenset(named)


@lru_cache(maxsize=100_000)
def _segments_of(header: Path, modified_ns: int) -> frozenset[str]:
    try:
        with open_file(header) as file:
            head = file.read(HEAD_BYTES)
        return frozenset(record.parts if has_segments(head) and (record := record_at(header)) else ())
    except OSError:
        return frozenset()


FILES = ArchiveKind(
    "files",
    "a folder of ECG files of every format that is read",
    read,
    at=lambda path, root: record_of(path, root, FORMATS),
)
MUSE_XML = ArchiveKind(
    "muse-xml",
    "a folder of GE MUSE XML: the machine's diagnosis and the confirmed one",
    read_muse_xml,
    at=lambda path, root: record_of(path, root, (muse_xml.FORMAT,)),
)
