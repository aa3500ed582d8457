"""File bytes → `Recording`. One module a format."""

from collections.abc import Mapping

from ml.formats.recording import LEADS, Reason, Recording, Unreadable
from ml.formats.wfdb import read_wfdb

__all__ = ["LEADS", "Reason", "Recording", "Unreadable", "read"]


def read(files: Mapping[str, bytes]) -> Recording:
    """Read one recording from the files of an upload, by their names and contents.

    Raises `Unreadable` with every reason found. Names are compared, never opened.
    """
    if any(name.lower().endswith(".hea") for name in files):
        return read_wfdb(files)
    raise Unreadable(
        [Reason("unknown_format", "none of the files is of a known format (WFDB: .hea with .dat or .mat)")]
    )
