"""Line charts as numbers of an SVG. Templates draw them; colours come from style sheets."""

import math
from collections.abc import Sequence
from typing import NamedTuple

Points = Sequence[tuple[float, float]]

WIDTH, HEIGHT = 360, 220
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 10, 34


class Series(NamedTuple):
    """A line: its name, the number of its colour, its points, and a band around it (low and high by x)."""

    name: str
    colour: int
    points: Points
    band: Sequence[tuple[float, float, float]] = ()


class Tick(NamedTuple):
    """A mark of an axis: where it stands, and what it says."""

    at: float
    words: str


class Line(NamedTuple):
    """A series as it is drawn: SVG path data of its line and of its band."""

    name: str
    colour: int
    path: str
    band: str
    last: tuple[float, float] | None


class Chart(NamedTuple):
    """A chart as it is drawn."""

    title: str
    x_label: str
    y_label: str
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    lines: list[Line]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


def chart(
    title: str,
    series: Sequence[Series],
    *,
    labels: tuple[str, str],
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
) -> Chart:
    """Return a chart of lines. Points that are not finite are left out; ranges follow from the points where absent."""
    whole = [
        each._replace(points=[point for point in each.points if all(map(math.isfinite, point))]) for each in series
    ]
    low_x, high_x = x_range or _range([x for each in whole for x, _ in each.points])
    low_y, high_y = y_range or _range([y for each in whole for _, y in each.points])

    def across(x: float) -> float:
        return round(LEFT + (x - low_x) / (high_x - low_x) * (WIDTH - LEFT - RIGHT), 1)

    def up(y: float) -> float:
        clipped = min(max(y, low_y), high_y)
        return round(HEIGHT - BOTTOM - (clipped - low_y) / (high_y - low_y) * (HEIGHT - TOP - BOTTOM), 1)

    return Chart(
        title,
        *labels,
        [Tick(across(value), f"{value:g}") for value in _ticks(low_x, high_x)],
        [Tick(up(value), f"{value:g}") for value in _ticks(low_y, high_y)],
        [
            Line(
                each.name,
                each.colour,
                _path([(across(x), up(y)) for x, y in each.points]),
                _closed(
                    [(across(x), up(low)) for x, low, _ in each.band],
                    [(across(x), up(high)) for x, _, high in each.band],
                ),
                (across(each.points[-1][0]), up(each.points[-1][1])) if each.points else None,
            )
            for each in whole
        ],
    )


def _range(values: Sequence[float]) -> tuple[float, float]:
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Return round numbers between two: at most `about` steps of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / about
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [round(number * step, 10) for number in range(first, math.floor(high / step + 1e-9) + 1)]


def _path(points: Points) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points) if points else ""


def _closed(low: Points, high: Points) -> str:
    return _path([*low, *reversed(high)]) + "Z" if low else ""
