"""Which files of a folder are new or have changed, by looking at it now and then."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from app.imports.reading.prepared import Stamp

DEEPEST = 32  # folders
WHOLE_EVERY_S = 60.0
"""Seconds after which every file is looked at. Between, folders are passed over in which no name has changed."""


class _Folder(NamedTuple):
    modified_ns: int
    folders: tuple[str, ...]


class Scanner:
    """Looks at a folder and below. Hidden files and links are passed over."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[str, _Folder] = {}
        self._whole_at = -WHOLE_EVERY_S

    def look(self) -> Iterator[tuple[str, Stamp]]:
        """Yield files by their paths below the root, with how they look; not those of folders without a new name.

        A file that is written over where it stands is seen when everything is looked at. Raises `OSError` where the
        root cannot be read; what cannot be read below it is passed over.
        """
        whole = time.monotonic() - self._whole_at >= WHOLE_EVERY_S
        if whole:
            self._whole_at = time.monotonic()
            self._known.clear()
        os.scandir(self._root).close()
        waiting = [""]
        while waiting:
            place = waiting.pop()
            try:
                yield from self._files(place)
            except OSError:
                self._known.pop(place, None)
                continue
            if place.count("/") < DEEPEST:
                waiting += self._known[place].folders

    def stamp(self, place: str) -> Stamp | None:
        """Return how a file looks now; None where it is gone."""
        try:
            return Stamp.of([(self._root / place).lstat()])
        except OSError:
            return None

    def _files(self, place: str) -> Iterator[tuple[str, Stamp]]:
        folder = self._root / place
        modified_ns = folder.stat().st_mtime_ns
        known = self._known.get(place)
        if known is not None and known.modified_ns == modified_ns:
            return
        folders = []
        prefix = f"{place}/" if place else ""
        with os.scandir(folder) as inside:
            for entry in inside:
                if entry.name.startswith(".") or entry.is_symlink():
                    continue
                if entry.is_dir():
                    folders.append(prefix + entry.name)
                elif entry.is_file():
                    yield prefix + entry.name, Stamp.of([entry.stat()])
        self._known[place] = _Folder(modified_ns, tuple(folders))
