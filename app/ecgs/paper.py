"""Where everything stands on a printed sheet, in millimetres. The pages' canvas has the same plan (`geometry.js`)."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from ml.formats import LEADS

Layout = Literal["3x4", "3x4+3", "6x2", "12x1"]
Speed = Literal["12.5", "25", "50"]
Gain = Literal["5", "10", "20"]

PAGE_S = 10.0
TRACES_MM = 250.0  # of traces on an A4 sheet: ten seconds at 25 mm/s
LEFT = 20.0  # room for the calibration pulse; a multiple of 5, so that each trace begins on a strong line
RIGHT, TOP, BOTTOM = 5.0, 10.0, 10.0

_QUARTERS = tuple(LEADS[first : first + 3] for first in range(0, 12, 3))
_HALVES = (LEADS[:6], LEADS[6:])
_LAYOUTS: dict[Layout, tuple[tuple[tuple[str, ...], ...], tuple[str, ...], float]] = {
    "3x4": (_QUARTERS, ("II",), 35.0),
    "3x4+3": (_QUARTERS, ("II", "V1", "V5"), 25.0),
    "6x2": (_HALVES, ("II",), 25.0),
    "12x1": ((LEADS,), (), 15.0),
}
"""Columns of leads, rhythm strips below them, and the height of a row: a multiple of 5, all together within A4."""


class Piece(NamedTuple):
    """A piece of a trace: its lead, its left edge, and its times in seconds after the sheet's start."""

    lead: str
    left: float
    from_s: float
    to_s: float


class Row(NamedTuple):
    """A row of a sheet. Its baseline lies on a strong line."""

    top: float
    height: float
    baseline: float
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Sheet:
    """One printed sheet."""

    rows: tuple[Row, ...]
    width: float
    height: float
    seconds: float


def plan(layout: Layout, speed: float) -> Sheet:
    """Return the plan of a sheet: ten seconds, or as many as fit at this speed (mm/s)."""
    columns, strips, height = _LAYOUTS[layout]
    seconds = min(PAGE_S, TRACES_MM / speed)
    column_s = seconds / len(columns)
    rows = [
        tuple(
            Piece(leads[row], LEFT + column * column_s * speed, column * column_s, (column + 1) * column_s)
            for column, leads in enumerate(columns)
        )
        for row in range(len(columns[0]))
    ]
    rows += [(Piece(lead, LEFT, 0.0, seconds),) for lead in strips]
    return Sheet(
        rows=tuple(_row(index, height, pieces) for index, pieces in enumerate(rows)),
        width=LEFT + seconds * speed + RIGHT,
        height=TOP + len(rows) * height + BOTTOM,
        seconds=seconds,
    )


def _row(index: int, height: float, pieces: tuple[Piece, ...]) -> Row:
    top = TOP + index * height
    return Row(top, height, 5.0 * round((top + height * 0.57) / 5), pieces)
