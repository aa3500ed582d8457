"""SVG made of a few marks. Every mark has a style: a class within a page, its own colours in a file."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from markupsafe import Markup

from ml.documents.xml import escaped

FONT = "Helvetica, Arial, 'DejaVu Sans', sans-serif"

STYLES: dict[str, dict[str, str]] = {
    "ink": {"fill": "#1b2027", "font-size": "13"},
    "strong": {"fill": "#1b2027", "font-size": "13", "font-weight": "600"},
    "small": {"fill": "#545e6b", "font-size": "11"},
    "line": {"stroke": "#d6dbe1", "fill": "none"},
    "axis": {"stroke": "#8a94a1", "fill": "none"},
    "added": {"fill": "#0b5cad"},
    "removed": {"fill": "#a8480f"},
    "same": {"fill": "#7b8592"},
    "added-line": {"stroke": "#0b5cad", "stroke-width": "2", "fill": "none"},
    "removed-line": {"stroke": "#a8480f", "stroke-width": "2", "fill": "none"},
    "same-line": {"stroke": "#545e6b", "stroke-width": "2", "fill": "none"},
    "added-band": {"fill": "#0b5cad", "fill-opacity": "0.18"},
    "removed-band": {"fill": "#a8480f", "fill-opacity": "0.18"},
    "same-band": {"fill": "#7b8592", "fill-opacity": "0.22"},
    "added-ring": {"stroke": "#0b5cad", "stroke-width": "2", "fill": "#ffffff"},
    "removed-ring": {"stroke": "#a8480f", "stroke-width": "2", "fill": "#ffffff"},
    "same-ring": {"stroke": "#545e6b", "stroke-width": "2", "fill": "#ffffff"},
    "added-alarm": {"stroke": "#0b5cad", "stroke-width": "1.5", "stroke-dasharray": "4 3", "fill": "none"},
    "removed-alarm": {"stroke": "#a8480f", "stroke-width": "1.5", "stroke-dasharray": "4 3", "fill": "none"},
    "stripe": {"fill": "#eef1f4"},
    "stream": {"fill": "#0b5cad", "fill-opacity": "0.28"},
}
"""What the styles look like in a file. Within a page `disagreement.css` has a rule `.f-<style>` for each."""


class Drawing:
    """An SVG that grows mark by mark. Texts are escaped here."""

    def __init__(self, width: float, *, alone: bool) -> None:
        self.width = width
        self.height = 0.0
        self.alone = alone
        self._parts: list[str] = []
        self._styles = {
            name: "".join(f' {key}="{value}"' for key, value in style.items()) if alone else f' class="f-{name}"'
            for name, style in STYLES.items()
        }

    def rect(self, style: str, corner: tuple[float, float], size: tuple[float, float]) -> None:
        """Draw a rectangle; one without width or height is left out."""
        (x, y), (width, height) = corner, size
        if width > 0 and height > 0:
            self._parts.append(
                f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"{self._styles[style]}/>'
            )

    def line(self, style: str, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Draw a line."""
        self.path(style, [start, end])

    def path(self, style: str, points: Sequence[tuple[float, float]], *, closed: bool = False) -> None:
        """Draw a line through points, or the area within them."""
        if points:
            way = "L".join(f"{_n(x)} {_n(y)}" for x, y in points)
            self._parts.append(f'<path d="M{way}{"Z" if closed else ""}"{self._styles[style]}/>')

    def ribbon(self, style: str, left: tuple[float, float, float], right: tuple[float, float, float]) -> None:
        """Draw a band that flows from (x, top, bottom) to (x, top, bottom)."""
        (x1, top1, bottom1), (x2, top2, bottom2) = left, right
        middle = _n((x1 + x2) / 2)
        self._parts.append(
            f'<path d="M{_n(x1)} {_n(top1)}C{middle} {_n(top1)} {middle} {_n(top2)} {_n(x2)} {_n(top2)}'
            f"L{_n(x2)} {_n(bottom2)}C{middle} {_n(bottom2)} {middle} {_n(bottom1)} {_n(x1)} {_n(bottom1)}"
            f'Z"{self._styles[style]}/>'
        )

    def dot(self, style: str, x: float, y: float, radius: float = 4) -> None:
        """Draw a dot."""
        self._parts.append(f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}"{self._styles[style]}/>')

    def triangle(self, style: str, x: float, y: float, *, up: bool, size: float = 5) -> None:
        """Draw a triangle: up for what is added, down for what is removed, so that colour is not all that tells."""
        tip = -size if up else size
        self.path(style, [(x - size, y - tip * 0.8), (x + size, y - tip * 0.8), (x, y + tip)], closed=True)

    def text(self, style: str, x: float, y: float, words: str, *, anchor: str = "start") -> None:
        """Write words; `y` is their base line."""
        where = "" if anchor == "start" else f' text-anchor="{anchor}"'
        self._parts.append(f'<text x="{_n(x)}" y="{_n(y)}"{where}{self._styles[style]}>{escaped(words)}</text>')

    def place(self, other: "Drawing", x: float, y: float) -> None:
        """Put another drawing into this one."""
        self._parts.append(f'<g transform="translate({_n(x)} {_n(y)})">{"".join(other._parts)}</g>')

    @contextmanager
    def about(self, words: str, href: str | None = None) -> Iterator[None]:
        """Give the marks drawn within it a tooltip and, in a page, an address.

        The keyboard does not stop at them: the table below each figure has the same links.
        """
        linked = href is not None and not self.alone
        self._parts.append(f'<a href="{escaped(href)}" tabindex="-1">' if linked and href is not None else "<g>")
        self._parts.append(f"<title>{escaped(words)}</title>")
        yield
        self._parts.append("</a>" if linked else "</g>")

    def within_page(self, name: str) -> Markup:
        """Return the figure as a part of a page. Readers of screens skip it: what it shows is in the table below it."""
        return Markup(  # noqa: S704 - texts were escaped when they were written
            f'<svg class="figure figure-{name}" viewBox="0 0 {_n(self.width)} {_n(self.height)}" aria-hidden="true" '
            f'focusable="false">{"".join(self._parts)}</svg>'
        )

    def as_file(self, title: str, caption: Sequence[str]) -> str:
        """Return the figure as a file, with a title above it and a caption below."""
        top, lines = 34.0, _wrapped(caption, int(self.width / 6.2))
        height = top + self.height + 16 * len(lines) + 14
        written = "".join(
            f'<text x="10" y="{_n(top + self.height + 14 + 16 * at)}"{self._styles["small"]}>{escaped(line)}</text>'
            for at, line in enumerate(lines)
        )
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_n(self.width)}" height="{_n(height)}" '
            f'viewBox="0 0 {_n(self.width)} {_n(height)}" font-family="{FONT}" role="img">'
            f"<title>{escaped(title)}</title><desc>{escaped(' '.join(caption))}</desc>"
            f'<rect width="{_n(self.width)}" height="{_n(height)}" fill="#ffffff"/>'
            f'<text x="10" y="21" font-size="16" font-weight="600" fill="#1b2027">{escaped(title)}</text>'
            f'<g transform="translate(0 {_n(top)})">{"".join(self._parts)}</g>{written}</svg>\n'
        )


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _wrapped(sentences: Sequence[str], width: int) -> list[str]:
    lines: list[str] = []
    for sentence in sentences:
        line = ""
        for word in sentence.split():
            if line and len(line) + 1 + len(word) > width:
                lines.append(line)
                line = word
            else:
                line = f"{line} {word}" if line else word
        lines.append(line)
    return lines


class Scale:
    """From values to places, linear or by decades. Values outside are drawn at the ends."""

    def __init__(self, low: float, high: float, start: float, end: float, *, decades: bool = False) -> None:
        self.low, self.high, self.start, self.end = low, high, start, end
        self._decades = decades
        self._from, self._to = (math.log10(low), math.log10(high)) if decades else (low, high)

    def __call__(self, value: float) -> float:
        """Return where a value is."""
        held = min(max(value, self.low), self.high)
        at = math.log10(held) if self._decades else held
        return self.start + (at - self._from) / (self._to - self._from) * (self.end - self.start)


def nice(high: float) -> tuple[float, float]:
    """Return the end of a linear axis from 0 that holds `high`, and the step of its ticks."""
    if high <= 0:
        return 1.0, 0.5
    size = 10 ** math.floor(math.log10(high))
    end = next(size * factor for factor in (1, 2, 3, 4, 5, 6, 8, 10) if size * factor >= high * 0.999)
    return end, end / 2


def tick(value: float) -> str:
    """Return how a tick is written."""
    return f"{value:,.6g}".replace(",", "\u202f").replace("-", "\u2212")
