"""What is imported: a kind of archive, and where it lies."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.imports.places import Folder
from ml import archives
from ml.archives import Entry, Found, Rejected
from ml.formats import FORMATS

COUNTING_S = 30.0
"""Seconds that an archive's ECGs may be counted before it is read, so that the time left can be told."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """An archive to import.

    Attributes
    ----------
    kind
        One of `ml.archives.ARCHIVES`.
    path
        Its folder or main file.
    options
        Options of the kind.
    folder
        Which folder it is, as a keyed hash.
    waveforms
        Whether signals are read; without, only what the tables say is stored.
    again
        Whether files that were refused are read again although they have not changed.
    rule_reading
        Whether an ECG of which there is no machine reading is read by our rules.
    watched
        Whether it is a folder that is watched: a file that has not changed is then left alone, also if its ECG was
        erased.
    passed_over
        What was refused before: members of an uploaded archive that are no files.
    """

    kind: str
    path: Path
    options: Mapping[str, str] = field(default_factory=dict)
    folder: Folder
    waveforms: bool = True
    again: bool = False
    rule_reading: bool = False
    watched: bool = False
    passed_over: Sequence[Rejected] = ()

    def read(self) -> Iterator[Found]:
        """Yield the archive's ECGs and what cannot be taken. Raises `BadArchive`."""
        yield from self.passed_over
        yield from archives.read(self.kind, self.path, self.options)

    def count(self) -> int:
        """Return how much `read` yields; 0 where to count it takes too long. Raises `BadArchive`.

        Of a folder of files those are counted that have the name of a main file, which is nearly the same.
        """
        deadline = time.monotonic() + COUNTING_S
        counted = 0
        for _ in self.read() if archives.ARCHIVES[self.kind].at is None else self._main_files():
            counted += 1
            if time.monotonic() > deadline:
                return 0
        return counted

    def _main_files(self) -> Iterator[str]:
        endings = tuple(file_format.main_ending for file_format in FORMATS)
        for _, _, names in os.walk(self.path):
            yield from (name for name in names if name.lower().endswith(endings))

    def place_of(self, entry: Entry) -> str:
        """Return where an ECG lies: the path of its signal below the folder, else its record."""
        if entry.signal is None:
            return entry.record or ""
        root = self.path if self.path.is_dir() else self.path.parent
        return str(entry.signal.relative_to(root) if entry.signal.is_relative_to(root) else entry.signal)
