"""Month by month: a small picture for each label, or a large one of one label."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from app.kit.database import Json
from app.pages.disagreement.figures.drawing import Drawing, Scale, nice, tick

Series = tuple[tuple[str, str, str], ...]
"""Of each line its style, its number, and what it is called."""

CHANGES: Series = (("removed", "removed_pct", "removed"), ("added", "added_pct", "added"))
AGREEMENT: Series = (("same", "kappa", "kappa"),)
ANY: Series = (("same", "differing_pct", "any label changed"),)


@dataclass(frozen=True)
class Mark:
    """A day of a month on which the change watch rang: a dashed line, with words and an address."""

    month: str
    day: int
    style: str
    words: str
    href: str


@dataclass(frozen=True)
class Panel:
    """What a picture shows: the points of a label by month, and where its name and its points lead."""

    name: str
    points: Sequence[Json]
    series: Series
    href: str | None = None
    months: Callable[[str], str | None] = lambda _: None
    marks: Sequence[Mark] = ()


def panel(
    shown: Panel, first: int, last: int, *, width: float = 270, height: float = 150, alone: bool = False
) -> Drawing:
    """Return one picture, from the month `first` to `last`. Lines end where a month has no pairs."""
    is_large = width > 600
    drawing = Drawing(width, alone=alone)
    drawing.height = height
    unit = "" if shown.series is AGREEMENT else "\u202f%"
    values = [point[number] for point in shown.points for _, number, _ in shown.series if point[number] is not None]
    top, step = (1.0, 0.5) if shown.series is AGREEMENT else nice(1.1 * max(values, default=0))
    low = min([0.0, *(-0.5 if value >= -0.5 else -1.0 for value in values if value < 0)])
    x = Scale(first, max(last, first + 1), 50 if is_large else 46, width - 10)
    y = Scale(low, top, height - 22, 26)
    with drawing.about(shown.name, shown.href):
        drawing.text("strong" if is_large else "ink", 2, 13, shown.name)
    for value in (low, *((0.0,) if low < 0 else ()), step, top):
        drawing.line("line", (x.start, y(value)), (x.end, y(value)))
        drawing.text("small", x.start - 4, y(value) + 4, f"{tick(value)}{unit}", anchor="end")
    years = range(first // 12, last // 12 + 1)
    apart = max(1, len(years) // (12 if is_large else 4))
    for year in years:
        if 12 * year >= first and (year - years[0]) % apart == 0:
            drawing.line("line", (x(12 * year), y.start), (x(12 * year), y.start + 4))
            drawing.text("small", x(12 * year), y.start + 16, str(year), anchor="middle")
    for mark in shown.marks:
        if first <= month_number(mark.month) <= last:
            at = x(min(last, month_number(mark.month) + (mark.day - 1) / 31))
            with drawing.about(mark.words, mark.href):
                drawing.line(f"{mark.style}-alarm", (at, y.start), (at, y.end))
                drawing.triangle(mark.style, at, y.end, up=mark.style == "added", size=4)
    for style, number, words in shown.series:
        _series(drawing, shown, style=style, number=number, words=words, x=x, y=y, is_large=is_large)
    return drawing


def _series(
    drawing: Drawing, shown: Panel, *, style: str, number: str, words: str, x: Scale, y: Scale, is_large: bool
) -> None:
    known = [point for point in shown.points if point[number] is not None]
    for run in _runs(known):
        line = [(x(month_number(point["month"])), y(point[number])) for point in run]
        band = [(at, point[f"{number}_ci"]) for (at, _), point in zip(line, run, strict=True)]
        upper = [(at, y(interval[1])) for at, interval in band if interval is not None]
        lower = [(at, y(interval[0])) for at, interval in reversed(band) if interval is not None]
        if len(run) == 1:
            drawing.dot(style, *line[0], 2.5)
            continue
        drawing.path(f"{style}-band", [*upper, *lower], closed=True)
        drawing.path(f"{style}-line", line)
    if is_large:
        for point in known:
            said = f"{point['month']}: {words} {point[number]:.2f}"
            if (interval := point[f"{number}_ci"]) is not None:
                said += f", 95 % interval {interval[0]:.2f} to {interval[1]:.2f}"
            with drawing.about(said, shown.months(point["month"])):
                drawing.dot(style, x(month_number(point["month"])), y(point[number]), 3.5)


def together(panels: Sequence[Drawing], columns: int, *, alone: bool = True) -> Drawing:
    """Return pictures of one size in rows and columns."""
    width, height = panels[0].width, panels[0].height
    drawing = Drawing(columns * width + 20, alone=alone)
    for at, each in enumerate(panels):
        drawing.place(each, 10 + at % columns * width, at // columns * (height + 10))
    drawing.height = -(-len(panels) // columns) * (height + 10)
    return drawing


@lru_cache(4096)
def month_number(month: str) -> int:
    """Return the number of a month: 12 · year + month - 1."""
    year, number = month.split("-")
    return 12 * int(year) + int(number) - 1


def _runs(points: Sequence[Json]) -> list[list[Json]]:
    """Cut points where a month is missing."""
    runs: list[list[Json]] = []
    for point in points:
        if runs and month_number(point["month"]) == month_number(runs[-1][-1]["month"]) + 1:
            runs[-1].append(point)
        else:
            runs.append([point])
    return runs
