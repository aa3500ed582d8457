"""Two choices of pairs side by side, label by label: the first filled, the second as a ring below it."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.kit.database import Json
from app.pages.disagreement.figures.drawing import Drawing, Scale, tick
from app.pages.disagreement.figures.table import LEAST, MOST, TICKS


@dataclass(frozen=True)
class Both:
    """A label in both choices, with the addresses of its ECGs."""

    name: str
    a: Json
    b: Json


def picture(rows: Sequence[Both], *, alone: bool = False) -> Drawing:
    """Return the picture: added, removed, and agreement."""
    drawing = Drawing(1120, alone=alone)
    top, step = 40.0, 30.0
    bottom = top + step * len(rows)
    panels = (
        ("added_pct", "added", "Added per 100 machine calls", Scale(LEAST, MOST, 225, 515, decades=True), TICKS),
        ("removed_pct", "removed", "Removed, %", Scale(LEAST, 100, 560, 810, decades=True), TICKS[:4]),
        ("kappa", "same", "Agreement, κ", Scale(0, 1, 860, 1095), (0, 0.25, 0.5, 0.75, 1)),
    )
    for number, _, title, scale, ticks in panels:
        drawing.text("strong", scale.start, 16, title)
        for value in ticks:
            drawing.line("line", (scale(value), top - 8), (scale(value), bottom))
            unit = "" if number == "kappa" else "\u202f%"
            drawing.text("small", scale(value), bottom + 16, f"{tick(value)}{unit}", anchor="middle")
    for at, row in enumerate(rows):
        y = top + step * at + step / 2
        if at % 2:
            drawing.rect("stripe", (0, y - step / 2), (208, step))
        drawing.text("ink", 6, y + 4, row.name if len(row.name) <= 30 else f"{row.name[:29]}…")
        for number, style, _, scale, _ in panels:
            for side, numbers, place, mark in (("A", row.a, y - 6, style), ("B", row.b, y + 6, f"{style}-ring")):
                value, interval = numbers[number], numbers[f"{number}_ci"]
                if value is None:
                    continue
                said = f"{side}, {row.name}: {value:.2f}"
                if interval is not None:
                    said += f", 95 % interval {interval[0]:.2f} to {interval[1]:.2f}"
                with drawing.about(said):
                    if interval is not None:
                        drawing.line(f"{style}-line", (scale(interval[0]), place), (scale(interval[1]), place))
                    drawing.dot(mark, scale(value), place, 4)
    drawing.height = bottom + 26
    return drawing
