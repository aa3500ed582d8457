"""File bytes → `EcgFile`. A format is one module and one line in `FORMATS`."""

from collections.abc import Mapping

from ml.formats import aecg_xml, dicom_ecg, edf, hdf5_ecg, muse_xml, scp_ecg, sierra_xml, wfdb
from ml.formats.ecg_file import EcgFile, Facts, Measurements, Reading
from ml.formats.format import HEAD_BYTES, Format
from ml.formats.recording import LEADS, Reason, Recording, Unreadable

__all__ = [
    "FORMATS",
    "LEADS",
    "EcgFile",
    "Facts",
    "Measurements",
    "Reading",
    "Reason",
    "Recording",
    "Unreadable",
    "format_of",
    "read",
]

FORMATS: tuple[Format, ...] = (
    wfdb.FORMAT,
    muse_xml.FORMAT,
    sierra_xml.FORMAT,
    aecg_xml.FORMAT,
    dicom_ecg.FORMAT,
    scp_ecg.FORMAT,
    hdf5_ecg.FORMAT,
    edf.FORMAT,
)
"""The known formats. The first one that recognises a file reads it."""


def read(files: Mapping[str, bytes]) -> EcgFile:
    """Return what the files of one record hold, by their names and contents.

    The format is recognised by content. Names are compared with one another, never opened. Raises `Unreadable` with
    every reason found.
    """
    for main_by_name in (False, True):
        for name, content in files.items():
            if file_format := format_of(name if main_by_name else "", content[:HEAD_BYTES]):
                return file_format.read(files)
    known = ", ".join(f"{file_format.name} ({', '.join(file_format.endings)})" for file_format in FORMATS)
    raise Unreadable([Reason("unknown_format", f"no file is the main file of a known format: {known}")])


def format_of(name: str, head: bytes) -> Format | None:
    """Return the format whose main file this is, by its first bytes, or else by an ending that only it has."""
    for file_format in FORMATS:
        if file_format.recognises(head):
            return file_format
    by_ending = (file_format for file_format in FORMATS if file_format.ending_decides)
    return next((file_format for file_format in by_ending if name.lower().endswith(file_format.main_ending)), None)
