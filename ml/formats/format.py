"""What a file format is: how its files are recognised, found and read."""

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from ml.formats.ecg_file import EcgFile
from ml.formats.recording import unreadable

HEAD_BYTES = 65_536
"""How much of a file may be looked at to recognise it."""


class Format(NamedTuple):
    """A file format.

    Attributes
    ----------
    name
        What people call the format.
    main_ending, other_endings
        The usual endings of file names, in lower case. They explain what is missing.
    recognises
        Return whether the first `HEAD_BYTES` of a file are those of a record's main file.
    names
        Return the names of the files that a main file needs beside it, by its first `HEAD_BYTES`. It never raises.
    read
        Return what some files hold, by their names and contents, or raise `Unreadable`.
    ending_decides
        Whether a file with the main ending is taken for one of this format where no format recognises its content. So
        it should not be, where other files have that ending too (`.xml`).
    memory
        The peak of memory while files are read, checked and stored, in times their bytes.
    """

    name: str
    main_ending: str
    other_endings: tuple[str, ...]
    recognises: Callable[[bytes], bool]
    names: Callable[[bytes], Sequence[str]]
    read: Callable[[Mapping[str, bytes]], EcgFile]
    ending_decides: bool
    memory: int

    @property
    def endings(self) -> tuple[str, ...]:
        """The usual endings of all its files."""
        return (self.main_ending, *self.other_endings)


def only_file(files: Mapping[str, bytes], recognises: Callable[[bytes], bool], name: str) -> bytes:
    """Return the content of the one file that is of a format whose records are one file. Raises `Unreadable`."""
    found = [content for content in files.values() if recognises(content[:HEAD_BYTES])]
    if len(found) != 1:
        raise unreadable("file_count", f"exactly one {name} file is needed, not {len(found)}")
    return found[0]


def base_name(path: str) -> str:
    """Return the last part of a path, whichever system wrote it; browsers and headers may put folders before it."""
    return unicodedata.normalize("NFC", re.split(r"[/\\]", path)[-1])


def matching(names: Collection[str], wanted: str) -> list[str]:
    """Return those of `names` that mean the file `wanted`: by base name, ignoring case only where nothing else fits."""
    wanted = base_name(wanted)
    exact = [name for name in names if base_name(name) == wanted]
    return exact or [name for name in names if base_name(name).casefold() == wanted.casefold()]
