"""The table as a picture: who called it, what was added and removed for every 100 calls, and agreement.

Rates are on a scale of decades: from a label with 0.6 % to one with 800 %, an interval keeps its width, and twice as
much is the same distance everywhere. What is 0, or below the scale, stands at its left end.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.kit.database import Json
from app.pages.disagreement.figures.drawing import Drawing, Scale, tick

LEAST, MOST = 0.1, 1_000.0
TICKS = (0.1, 1.0, 10.0, 100.0, 1_000.0)


@dataclass(frozen=True)
class Row:
    """A row of the picture: its name, its numbers, and where its words and its added and removed ECGs are."""

    name: str
    numbers: Json
    href: str | None
    changed: Callable[[str], str | None]


def wide(rows: Sequence[Row], *, alone: bool = False) -> Drawing:
    """Return the picture for a wide page: three panels side by side."""
    drawing = Drawing(1120, alone=alone)
    top, step = 50.0, 26.0
    bottom = top + step * len(rows)
    bars = (220.0, 470.0)
    rates, kappa = Scale(LEAST, MOST, 520, 850, decades=True), _kappa_scale(rows, 900, 1100)
    drawing.text("strong", bars[0], 16, "Who called it")
    _key(drawing, bars[0], 34, (("removed", "machine alone"), ("same", "both"), ("added", "expert alone")))
    drawing.text("strong", 520, 16, "Added ▲, removed ▼ per 100 machine calls")
    drawing.text("strong", kappa.start, 16, "Agreement, κ")
    _axis(drawing, rates, top, bottom, ticks=TICKS, unit="%", strong=100)
    _axis(drawing, kappa, top, bottom, ticks=_kappa_ticks(kappa))
    for at, row in enumerate(rows):
        y = top + step * at + step / 2
        if at % 2:
            drawing.rect("stripe", (0, y - step / 2), (208, step))
        _name(drawing, row, 6, y + 4)
        _bar(drawing, row, start=bars[0], end=bars[1], y=y - 7, height=14)
        _rate(drawing, row, "removed", scale=rates, y=y + 4)
        _rate(drawing, row, "added", scale=rates, y=y - 4)
        _agreement(drawing, row, kappa, y)
    drawing.height = bottom + 26
    return drawing


def narrow(rows: Sequence[Row]) -> Drawing:
    """Return the picture for a narrow page: the name and kappa above the bar and the rates."""
    drawing = Drawing(360, alone=False)
    top, step = 62.0, 62.0
    bottom = top + step * len(rows)
    rates = Scale(LEAST, MOST, 12, 348, decades=True)
    _key(drawing, 4, 12, (("removed", "machine alone"), ("same", "both"), ("added", "expert alone")))
    drawing.text("small", 4, 30, "Added ▲ and removed ▼ for every 100 calls of the machine")
    _axis(drawing, rates, top - 6, bottom, ticks=TICKS, unit="%", strong=100, above=True)
    for at, row in enumerate(rows):
        y = top + step * at
        _name(drawing, row, 4, y + 14)
        if row.numbers["kappa"] is not None:
            drawing.text("small", 356, y + 14, f"κ {row.numbers['kappa']:.2f}", anchor="end")
        _bar(drawing, row, start=4, end=356, y=y + 20, height=8)
        _rate(drawing, row, "removed", scale=rates, y=y + 47)
        _rate(drawing, row, "added", scale=rates, y=y + 38)
    drawing.height = bottom + 6
    return drawing


def _key(drawing: Drawing, x: float, y: float, marks: Sequence[tuple[str, str]]) -> None:
    for style, words in marks:
        drawing.rect(style, (x, y - 9), (10, 10))
        drawing.text("small", x + 14, y, words)
        x += 26 + 6.1 * len(words)


def _axis(
    drawing: Drawing,
    scale: Scale,
    top: float,
    bottom: float,
    *,
    ticks: Sequence[float],
    unit: str = "",
    strong: float | None = None,
    above: bool = False,
) -> None:
    for value in ticks:
        x = scale(value)
        drawing.line("axis" if value == strong else "line", (x, top), (x, bottom))
        words = f"{tick(value)}\u202f{unit}" if unit else tick(value)
        anchor = "middle" if not above else "start" if value == ticks[0] else "end" if value == ticks[-1] else "middle"
        drawing.text("small", x, top - 6 if above else bottom + 16, words, anchor=anchor)


def _name(drawing: Drawing, row: Row, x: float, y: float) -> None:
    with drawing.about(row.name, row.href):
        drawing.text("ink", x, y, row.name if len(row.name) <= 30 else f"{row.name[:29]}…")


def _bar(drawing: Drawing, row: Row, *, start: float, end: float, y: float, height: float) -> None:
    """Draw the ECGs that either called as one bar: removed, both, added."""
    numbers = row.numbers
    every = numbers["both"] + numbers["added"] + numbers["removed"]
    if not every:
        drawing.text("small", start, y + height - 2, "called by neither")
        return
    x = start
    said = (
        ("removed", "removed", "the machine alone: the expert removed it"),
        ("same", "both", "both"),
        ("added", "added", "the expert alone: it was added"),
    )
    for style, field, words in said:
        width = numbers[field] / every * (end - start)
        share = f"{numbers[field]:,} of {every:,} ECGs ({100 * numbers[field] / every:.1f} %), called by {words}"
        with drawing.about(f"{row.name}: {share}", row.changed(field)):
            drawing.rect(style, (x, y), (width, height))
        x += width


def _rate(drawing: Drawing, row: Row, change: str, *, scale: Scale, y: float) -> None:
    value, interval = row.numbers[f"{change}_pct"], row.numbers[f"{change}_pct_ci"]
    if value is None:
        return
    said = f"{row.name}: {change} {value:.2f} for every 100 calls of the machine"
    if interval is not None:
        said += f", 95 % interval {interval[0]:.2f} to {interval[1]:.2f}"
    with drawing.about(f"{said} ({row.numbers[change]:,} ECGs)", row.changed(change)):
        if interval is not None:
            drawing.line(f"{change}-line", (scale(interval[0]), y), (scale(interval[1]), y))
        drawing.triangle(change, scale(value), y, up=change == "added")


def _agreement(drawing: Drawing, row: Row, scale: Scale, y: float) -> None:
    value, interval = row.numbers["kappa"], row.numbers["kappa_ci"]
    if value is None:
        return
    said = f"{row.name}: kappa {value:.3f}"
    if interval is not None:
        said += f", 95 % interval {interval[0]:.3f} to {interval[1]:.3f}"
    with drawing.about(said, row.changed("both_directions")):
        if interval is not None:
            drawing.line("same-line", (scale(interval[0]), y), (scale(interval[1]), y))
        drawing.dot("same", scale(value), y)


def _kappa_scale(rows: Sequence[Row], start: float, end: float) -> Scale:
    low = min((row.numbers["kappa_ci"][0] for row in rows if row.numbers["kappa_ci"] is not None), default=0.0)
    return Scale(0.0 if low >= 0 else -0.5 if low >= -0.5 else -1.0, 1.0, start, end)


def _kappa_ticks(scale: Scale) -> list[float]:
    return [value / 4 for value in range(int(4 * scale.low), 5)]
