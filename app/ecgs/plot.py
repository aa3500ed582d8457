"""The ECG on millimetre paper, as SVG.

A millimetre is a millimetre: one unit of the viewBox is 1 mm, `width` and `height` are given in mm, and a print at
100 % can be measured with a ruler. 25 mm are a second and 10 mm a millivolt, as on every cardiologist's desk. Three
rows of four leads show 2.5 s each, one after the other; below them lead II runs through all 10 s.
"""

import html
import re
import textwrap
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ml.formats import LEADS

MM_PER_S = 25.0
MM_PER_MV = 10.0

_ROWS = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"), ("II",))
_SHOWN_S = 10.0

# The page in mm. The grid's sides are multiples of 5, so that its lines fall on those of the patterns.
_WIDTH, _HEIGHT = 280, 165
_LEFT, _TOP, _GRID_WIDTH, _GRID_HEIGHT = 5, 15, 270, 140
_ROW_HEIGHT, _BASELINE = 35, 20  # of a row, and from its top down to 0 mV
_PULSE_WIDTH = 15  # room for the calibration pulse left of the first second
_CAPTION_CHARACTERS = 130  # that fit on one line

_DENSEST_HZ = 500.0  # 0.05 mm: no printer or eye tells two samples apart that are closer
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def plot_svg(
    signal_mv: NDArray[np.float64],
    sampling_rate_hz: float,
    *,
    caption: str = "",
    start_s: float = 0.0,
    simulated: bool = False,
) -> str:
    """Draw ten seconds of a 12-lead ECG.

    Parameters
    ----------
    signal_mv
        (12, n) in mV, leads in the order of `LEADS`; NaN leaves a gap. Drawn unfiltered; only each lead's median
        is taken away, because an electrode's offset would carry the trace off the paper.
    sampling_rate_hz
        Samples per second and lead.
    caption
        One or two lines above the grid; any text, it is escaped.
    start_s
        Where the ten seconds begin. What the recording does not have stays empty paper.
    simulated
        Whether to write across the paper that this is no patient's ECG.
    """
    duration_s = signal_mv.shape[1] / sampling_rate_hz
    end_s = min(start_s + _SHOWN_S, duration_s)
    speed = f"{MM_PER_S:g} mm/s, {MM_PER_MV:g} mm/mV, {sampling_rate_hz:g} Hz, unfiltered"
    extent = f"{start_s:g} to {end_s:.4g} s of {duration_s:.4g} s"
    kind = "Simulated 12-lead ECG" if simulated else "12-lead ECG"
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}mm" height="{_HEIGHT}mm" '
            f'viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" font-family="Helvetica, Arial, sans-serif">',
            f"<title>{kind}</title><desc>{_escape(caption)} Leads {', '.join(LEADS)}; {speed}; {extent}.</desc>",
            _paper(),
            _watermark() if simulated else "",
            *(_text(line, _LEFT, 6 + 5 * number, 3.6) for number, line in enumerate(_lines(caption))),
            '<g clip-path="url(#grid)" fill="none" stroke="#111" stroke-width=".25" stroke-linejoin="round">',
            *_traces(signal_mv, sampling_rate_hz, start_s),
            "</g>",
            *_names(),
            _text(f"{speed}; {extent}", _LEFT, _HEIGHT - 4, 3.2),
            "</svg>",
        ]
    )


def _traces(signal_mv: NDArray[np.float64], rate_hz: float, start_s: float) -> Iterator[str]:
    first = round(start_s * rate_hz)
    shown = signal_mv[:, first : first + round(_SHOWN_S * rate_hz)]
    for row, leads in enumerate(_ROWS):
        zero = _TOP + row * _ROW_HEIGHT + _BASELINE
        yield f'<path class="pulse" d="M{_LEFT + 3} {zero}h2v{-MM_PER_MV:g}h{0.2 * MM_PER_S:g}v{MM_PER_MV:g}h2"/>'
        seconds = _SHOWN_S / len(leads)
        for column, lead in enumerate(leads):
            begin, end = (round((column + side) * seconds * rate_hz) for side in (0, 1))
            trace = shown[LEADS.index(lead)]
            level = np.median(trace[np.isfinite(trace)]) if np.isfinite(trace).any() else 0.0
            x = _LEFT + _PULSE_WIDTH + np.arange(begin, min(end, trace.size)) * MM_PER_S / rate_hz
            y = zero - (trace[begin:end] - level) * MM_PER_MV
            where = f'data-lead="{lead}" data-start="{column * seconds:g}"'
            yield f'<path class="lead" {where} d="{_path(x, y, rate_hz)}"/>'


def _path(x: NDArray[np.float64], y: NDArray[np.float64], rate_hz: float) -> str:
    """Write a polyline in hundredths of a mm, relative to the last point as it was rounded: errors do not add up."""
    x, y = _thinned(x, y, int(rate_hz // _DENSEST_HZ))
    # A sample may be anywhere; a viewer's coordinates may not. Far outside the clip is far enough.
    y = np.clip(y, -10 * _HEIGHT, 10 * _HEIGHT)
    known = np.flatnonzero(np.isfinite(y))
    pieces = []
    for run in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1):
        if run.size == 0:
            continue
        points = np.rint(100 * np.stack([x[run], y[run]])).astype(int)
        steps = [f"{_number(dx)} {_number(dy)}" for dx, dy in np.diff(points).T.tolist()]
        pieces.append(f"M{_number(points[0, 0])} {_number(points[1, 0])}l{' '.join(steps) or '0 0'}")
    return "".join(pieces).replace(" -", "-")


def _thinned(
    x: NDArray[np.float64], y: NDArray[np.float64], group: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Keep of each `group` samples the highest and the lowest, in their order: nothing seen is lost."""
    whole = y.size // max(group, 1) * group
    if group <= 2 or whole == 0:
        return x, y
    groups = np.nan_to_num(y[:whole]).reshape(-1, group)
    kept = np.sort(np.stack([groups.argmin(axis=1), groups.argmax(axis=1)], axis=1), axis=1)
    index = np.unique(kept + group * np.arange(len(groups))[:, None])
    index = np.union1d(index, np.flatnonzero(~np.isfinite(y)))  # gaps stay gaps
    return x[index], y[index]


@lru_cache(maxsize=8192)
def _number(hundredths: int) -> str:
    """Write 5 as .05, -120 as -1.2."""
    sign, value = "-" if hundredths < 0 else "", abs(hundredths)
    fraction = f".{value % 100:02d}".rstrip("0").rstrip(".")
    return f"{sign}{value // 100 or ''}{fraction}" if value else "0"


def _paper() -> str:
    grid = f'x="{_LEFT}" y="{_TOP}" width="{_GRID_WIDTH}" height="{_GRID_HEIGHT}"'
    return (
        '<defs><pattern id="mm1" width="1" height="1" patternUnits="userSpaceOnUse">'
        '<path d="M0 1V0H1" fill="none" stroke="#f6c9c9" stroke-width=".1"/></pattern>'
        '<pattern id="mm5" width="5" height="5" patternUnits="userSpaceOnUse">'
        '<path d="M0 5V0H5" fill="none" stroke="#e79a9a" stroke-width=".3"/></pattern>'
        # Tall R waves reach into the row above, as on paper: cut at the row they would look like small ones.
        f'<clipPath id="grid"><rect {grid}/></clipPath></defs>'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/><rect {grid} fill="#fff6f5"/>'
        f'<rect {grid} fill="url(#mm1)"/><rect {grid} fill="url(#mm5)" stroke="#e79a9a" stroke-width=".2"/>'
    )


def _watermark() -> str:
    return (
        f'<text class="simulated" x="{_WIDTH / 2:g}" y="{_TOP + _GRID_HEIGHT / 2 + 12:g}" text-anchor="middle" '
        'font-size="34" letter-spacing="6" fill="#b03a3a" fill-opacity=".13">SIMULATED</text>'
        f'<text x="{_WIDTH - _LEFT}" y="{_HEIGHT - 4}" text-anchor="end" font-size="3.2" font-weight="bold" '
        'fill="#b03a3a">SIMULATED – no patient</text>'
    )


def _names() -> Iterator[str]:
    for row, leads in enumerate(_ROWS):
        width = _SHOWN_S / len(leads) * MM_PER_S
        for column, lead in enumerate(leads):
            x, y = _LEFT + _PULSE_WIDTH + column * width, _TOP + row * _ROW_HEIGHT + _BASELINE
            if column:
                yield f'<path d="M{x:g} {y - 3}v2M{x:g} {y + 1}v2" stroke="#111" stroke-width=".3"/>'
            yield _text(lead, x + 1, y - 12, 3.8, halo=True)


def _text(content: str, x: float, y: float, size: float, halo: bool = False) -> str:
    behind = ' stroke="#fff6f5" stroke-width=".9" paint-order="stroke"' if halo else ""
    return f'<text x="{x:g}" y="{y:g}" font-size="{size}" fill="#222"{behind}>{_escape(content)}</text>'


def _lines(caption: str) -> list[str]:
    return textwrap.wrap(caption, _CAPTION_CHARACTERS, max_lines=2, placeholder=" …")


def _escape(text: str) -> str:
    """Escape for XML, which has no way at all to write most control characters."""
    return html.escape(_NOT_XML.sub("\ufffd", text))
