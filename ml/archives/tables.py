"""Tables as CSV: strict, row by row. A row that cannot be read is rejected, and the next one is read."""

import codecs
import csv
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ml.archives.entry import Rejected
from ml.archives.kind import BadArchive
from ml.formats.disk import open_file
from ml.formats.recording import Reason

LONGEST_ROW = 2**20  # bytes, with the line breaks within its cells; a cell may have 131,072 characters (csv)
MOST_COLUMNS = 4_096


class Row(NamedTuple):
    """A row: the file's name and the line on which it begins, and its cells by column. An empty cell is ''."""

    place: str
    cells: dict[str, str]


class _Unusable(ValueError):
    """A line that is no text of a table; the message says why."""


def read_table(path: Path, required: Collection[str], optional: Collection[str] = ()) -> Iterator[Row | Rejected]:
    """Yield the rows of a CSV table: commas, UTF-8 with or without a byte order mark, ends of lines as LF or CRLF.

    Parameters
    ----------
    path
        The file.
    required, optional
        The columns that are read; others are passed over.

    Raises
    ------
    BadArchive
        If the file cannot be read, its first line is no header, or a required column is missing or there twice.
    """
    try:
        with open_file(path) as file:
            yield from _rows(file, path.name, required, optional)
    except OSError as error:
        raise BadArchive(f"{path.name} cannot be read: {error.strerror}") from error


def header_of(path: Path) -> list[str]:
    """Return the names of a table's columns. Raises `BadArchive`."""
    try:
        with open_file(path) as file:
            lines = _Lines(file)
            return _header(csv.reader(lines, strict=True), path.name)
    except OSError as error:
        raise BadArchive(f"{path.name} cannot be read: {error.strerror}") from error


def _rows(file: BinaryIO, name: str, required: Collection[str], optional: Collection[str]) -> Iterator[Row | Rejected]:
    lines = _Lines(file)
    reader = csv.reader(lines, strict=True)
    header = _header(reader, name)
    wanted = _wanted(header, name, required, optional)
    while True:
        began = lines.begin_row()
        place = f"{name} line {began}"
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, _Unusable) as error:
            why = str(error) if isinstance(error, _Unusable) else "is not CSV: a quote is missing or out of place"
            yield Rejected(place=_lines_of(name, began, lines.number), reasons=(Reason("bad_row", f"the row {why}"),))
            continue
        if not cells:
            continue
        if len(cells) != len(header):
            detail = f"the row has {len(cells)} cells, and the header {len(header)}"
            yield Rejected(place=place, reasons=(Reason("bad_row", detail),))
            continue
        yield Row(place, {column: cells[at] for column, at in wanted})


def _header(reader: Iterator[list[str]], name: str) -> list[str]:
    try:
        header = next(reader)
    except StopIteration:
        raise BadArchive(f"{name} is empty") from None
    except (csv.Error, _Unusable) as error:
        why = f": it {error}" if isinstance(error, _Unusable) else ""
        raise BadArchive(f"{name} line 1 is no header of a CSV table{why}") from error
    if len(header) > MOST_COLUMNS:
        raise BadArchive(f"{name} line 1 has more than {MOST_COLUMNS:,} columns")
    return header


def _wanted(
    header: list[str], name: str, required: Collection[str], optional: Collection[str]
) -> list[tuple[str, int]]:
    """Return the columns that are read, with their places."""
    read = [column for column in header if column in {*required, *optional}]
    if missing := [column for column in required if column not in header]:
        raise BadArchive(f"{name} line 1: the column {missing[0]} is missing; is the table separated by commas?")
    if twice := [column for column in read if read.count(column) > 1]:
        raise BadArchive(f"{name} line 1: a column is there twice, number {header.index(twice[0]) + 1}")
    return [(column, header.index(column)) for column in read]


def _lines_of(name: str, first: int, last: int) -> str:
    return f"{name} line {first}" if last <= first else f"{name} lines {first} to {last}"


class _Lines:
    """The lines of a file as text. A row that becomes too long ends with the line that makes it so."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._bytes_of_row = 0
        self.number = 0

    def begin_row(self) -> int:
        """Return the number of the line that comes next."""
        self._bytes_of_row = 0
        return self.number + 1

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._file.readline(LONGEST_ROW + 1)
        if not line:
            raise StopIteration
        self.number += 1
        if self.number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        self._bytes_of_row += len(line)
        if self._bytes_of_row > LONGEST_ROW:
            while len(line) > LONGEST_ROW and not line.endswith(b"\n"):  # the rest of that line
                line = self._file.readline(LONGEST_ROW + 1)
            raise _Unusable(f"is longer than {LONGEST_ROW:,} bytes")
        if b"\0" in line:
            raise _Unusable("holds zero bytes; a table in UTF-16 must be saved as UTF-8")
        try:
            return line.decode()
        except UnicodeDecodeError:
            raise _Unusable("is not UTF-8") from None
