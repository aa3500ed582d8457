"""What a kind of archive is: how a folder or a table of it is read."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from ml.archives.entry import Entry, Rejected

Found = Entry | Rejected
Options = Mapping[str, str]


class BadArchive(ValueError):
    """The archive as a whole cannot be read; the message names file, line or option, and repeats no cell."""


class Option(NamedTuple):
    """An option of a kind. `is_path`: its value names a file or a folder, which a service opens for nobody else."""

    name: str
    what: str
    is_path: bool = False


class ArchiveKind(NamedTuple):
    """A kind of archive.

    Attributes
    ----------
    name
        The name in commands and requests.
    what
        What it is and what it pairs, in a sentence.
    read
        Yield an archive's ECGs in an order that depends on its content alone, and what cannot be taken of it, row by
        row. Raises `BadArchive` for an archive of another kind or an option that cannot be used.
    options
        What may be said besides the path.
    at
        Return the ECG whose main file this is, below a folder that is watched; None: it is no main file. What may
        become one when it is complete is rejected. None: such archives cannot be watched.
    example
        An example of a table that people write themselves; empty where they do not.
    """

    name: str
    what: str
    read: Callable[[Path, Options], Iterator[Found]]
    options: tuple[Option, ...] = ()
    example: str = ""
    at: Callable[[Path, Path], Found | None] | None = None
