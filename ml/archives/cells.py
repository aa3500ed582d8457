"""The cells of a row as what they mean. Everything that is wrong with a row is collected, not only the first thing."""

import math
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import TypeVar

from ml.archives.entry import Rejected
from ml.archives.literals import Literal, NotALiteral, literal
from ml.archives.tables import Row
from ml.formats.recording import Reason

LONGEST_NAME = 200  # characters
LONGEST_TEXT = 65_536
LONGEST_PATH = 4_096
FIRST_YEAR = 1850  # earlier ones stand for a time that is not known

_NUMBER = re.compile(r"[-+]?(?:\d{1,15}+(?:\.\d{0,20}+)?|\.\d{1,20}+)(?:[eE][-+]?\d{1,3}+)?", re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[-+]\d\d:?\d\d)?", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_NOT_IN_TEXT = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")  # form feeds and vertical tabs end pages and lines
_FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}

Meaning = TypeVar("Meaning")


class Cells:
    """A row's cells, read one by one; an empty or absent cell is None. `reasons` names what is wrong by its column."""

    def __init__(self, row: Row) -> None:
        self.place = row.place
        self.reasons: list[Reason] = []
        self._cells = {column: cell.strip() for column, cell in row.cells.items() if cell}

    def raw(self, column: str) -> str:
        """Return a cell as it stands, without blanks around it."""
        return self._cells.get(column, "")

    def wrong(self, column: str, what: str, code: str = "bad_value") -> None:
        """Add a reason; `what` continues the column's name and repeats nothing of the cell."""
        self.reasons.append(Reason(code, f"{column} {what}"))

    def rejected(self) -> Rejected:
        """Return the row as rejected, with every reason so far."""
        return Rejected(place=self.place, reasons=tuple(self.reasons))

    def required(self, column: str) -> None:
        """Add a reason if a cell is empty."""
        if not self.raw(column):
            self.wrong(column, "is empty", "missing_value")

    def name(self, column: str) -> str | None:
        """Return a name: at most `LONGEST_NAME` characters on one line, each run of blanks as one."""
        value = " ".join(self.raw(column).split())
        if not value:
            return None
        if len(value) > LONGEST_NAME:
            self.wrong(column, f"is longer than {LONGEST_NAME} characters", "too_large")
        elif _CONTROL.search(value):
            self.wrong(column, "holds control characters")
        else:
            return value
        return None

    def text(self, column: str) -> str | None:
        """Return a report's text: at most `LONGEST_TEXT` characters."""
        value = self.raw(column)
        if len(value) > LONGEST_TEXT:
            self.wrong(column, f"is longer than {LONGEST_TEXT:,} characters", "too_large")
        elif _NOT_IN_TEXT.search(value):
            self.wrong(column, "holds control characters")
        else:
            return value or None
        return None

    def number(self, column: str, low: float, high: float) -> float | None:
        """Return a number from `low` to `high`."""
        value = as_number(self.raw(column))
        if value is None or low <= value <= high:
            return value
        self.wrong(column, f"is no number from {low:g} to {high:g}")
        return None

    def whole(self, column: str, most: int = 2**53 - 1) -> int | None:
        """Return a whole number from 0 to `most`; `2.0`, as pandas writes it where cells are empty, is 2."""
        value = as_number(self.raw(column))
        if value is None:
            return None
        if not (0 <= value < 2**53 and value.is_integer()):
            self.wrong(column, "is no whole number")
            return None
        if value > most:
            self.wrong(column, f"is greater than {most}")
            return None
        return int(value)

    def flag(self, column: str) -> bool | None:
        """Return true or false, written as a word or as 1 and 0."""
        return self.one_of(column, _FLAGS)

    def one_of(self, column: str, meanings: Mapping[str, Meaning]) -> Meaning | None:
        """Return what a cell means by a table of words in lower case."""
        value = self.raw(column).lower()
        if value and value not in meanings:
            self.wrong(column, f"is none of {', '.join(meanings)}")
        return meanings.get(value)

    def time(self, column: str) -> datetime | None:
        """Return a time: ISO 8601 with a time of day; without an offset it is the local time of the site."""
        value = self.raw(column)
        if not value:
            return None
        try:
            if len(value) <= 40 and _TIME.fullmatch(value):
                time = datetime.fromisoformat(value)
                if time.year >= FIRST_YEAR:
                    return time
        except ValueError:
            pass
        self.wrong(column, f"is no date with a time of day since {FIRST_YEAR}, such as 2026-03-01 10:00:00")
        return None

    def literal(self, column: str) -> Literal:
        """Return the value of a Python literal."""
        value = self.raw(column)
        try:
            return literal(value) if value else None
        except NotALiteral as error:
            self.wrong(column, str(error))
            return None

    def path(self, column: str, folder: Path) -> Path | None:
        """Return the path below a folder that a cell gives, whether it is there or not."""
        value = self.raw(column)
        if not value:
            return None
        found = below(folder, value)
        if found is None:
            self.wrong(column, "is no path below the archive's folder")
        return found


def as_number(value: str) -> float | None:
    """Return the number that a cell holds, None where it is empty, NaN where it holds something else."""
    if not value:
        return None
    number = float(value) if len(value) <= 40 and _NUMBER.fullmatch(value) else math.nan
    return number if math.isfinite(number) else math.nan


def below(folder: Path, name: str) -> Path | None:
    """Return the path `folder/name`, None where the name leads out of the folder; links are not looked at."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or len(name) > LONGEST_PATH or _CONTROL.search(name) or ".." in parts or parts[0] in ("/", "//"):
        return None
    return folder.joinpath(*parts)
