"""File bytes → `Recording`. A format is one module and one line in `READERS`."""

from collections.abc import Mapping

from ml.formats import wfdb
from ml.formats.reader import HEAD_BYTES, Reader
from ml.formats.recording import LEADS, Reason, Recording, Unreadable

__all__ = ["LEADS", "READERS", "Reason", "Recording", "Unreadable", "read", "reader_of"]

READERS: tuple[Reader, ...] = (wfdb.READER,)
"""The known formats. The first reader that recognises a file reads it."""


def read(files: Mapping[str, bytes]) -> Recording:
    """Return the recording in the files of one record, by their names and contents.

    The format is recognised by content. Names are compared with one another, never opened. Raises `Unreadable` with
    every reason found.
    """
    for main_by_name in (False, True):
        for name, content in files.items():
            if reader := reader_of(name if main_by_name else "", content[:HEAD_BYTES]):
                return reader.read(files)
    known = ", ".join(f"{reader.name} ({', '.join((reader.main_ending, *reader.other_endings))})" for reader in READERS)
    raise Unreadable([Reason("unknown_format", f"no file is the main file of a known format: {known}")])


def reader_of(name: str, head: bytes) -> Reader | None:
    """Return the format whose main file this is, by its first bytes, or else by the ending of its name."""
    for reader in READERS:
        if reader.recognises(head):
            return reader
    return next((reader for reader in READERS if name.lower().endswith(reader.main_ending)), None)
