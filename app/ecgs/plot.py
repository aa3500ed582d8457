"""The 12-lead ECG on millimetre paper, as SVG: one unit of its coordinates is one millimetre.

25 mm are one second and 10 mm are one millivolt. Three rows show four leads each, 2.5 s a lead; the last row shows the
whole of lead II. Each trace is centred on its median: a DC-coupled amplifier may add up to 300 mV, which would move the
trace off the sheet. The offset that was taken away is written beside the lead's name.
"""

import numpy as np
from numpy.typing import NDArray

from ml.documents.xml import escaped
from ml.formats import LEADS

MM_PER_S = 25.0
MM_PER_MV = 10.0
ROWS = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))
RHYTHM_LEAD = "II"
SHOWN_S = 10.0
COLUMN_S = 2.5

_MARGIN = 8.0
_PULSE = 10.0  # room for the calibration pulse left of the traces
_CAPTION = 12.0
_ROW_HEIGHT = 36.0
_BASELINE = 20.0  # from a row's top
_LEAST_OFFSET_MV = 0.05  # half a millimetre: a smaller offset is not written
_WIDTH = 2 * _MARGIN + _PULSE + SHOWN_S * MM_PER_S
_HEIGHT = _CAPTION + 4 * _ROW_HEIGHT + _MARGIN

_PAPER = """<defs>
<pattern id="mm" width="1" height="1" patternUnits="userSpaceOnUse">
<path d="M1 0H0V1" fill="none" stroke="#f6c3c3" stroke-width=".1"/></pattern>
<pattern id="cm" width="5" height="5" patternUnits="userSpaceOnUse">
<rect width="5" height="5" fill="url(#mm)"/>
<path d="M5 0H0V5" fill="none" stroke="#e58f8f" stroke-width=".18"/></pattern>
</defs>
<rect width="100%" height="100%" fill="#fffafa"/><rect width="100%" height="100%" fill="url(#cm)"/>"""


def plot_svg(
    signal_mv: NDArray[np.float64],
    sampling_rate_hz: float,
    *,
    caption: str = "",
    start_s: float = 0.0,
    simulated: bool = False,
    scale_known: bool = True,
) -> str:
    """Return ten seconds of an ECG as SVG.

    Parameters
    ----------
    signal_mv
        (12, samples), mV, in the order of `ml.formats.LEADS`.
    caption
        A line above the traces; any text is allowed.
    start_s
        Where the ten seconds begin.
    simulated
        Write on the paper that the signal is simulated.
    scale_known
        Else it is written on the paper that it is not to scale, and the calibration pulse is left out.
    """
    first = int(start_s * sampling_rate_hz)
    shown = signal_mv[:, first : first + int(SHOWN_S * sampling_rate_hz)]
    left = _MARGIN + _PULSE
    parts = []
    for row, leads in enumerate(ROWS):
        top = _CAPTION + row * _ROW_HEIGHT
        if scale_known:
            parts.append(_pulse(top))
        for column, lead in enumerate(leads):
            begin, end = (int(c * COLUMN_S * sampling_rate_hz) for c in (column, column + 1))
            trace = shown[LEADS.index(lead), begin:end]
            parts.append(_trace(lead, trace, sampling_rate_hz, left + column * COLUMN_S * MM_PER_S, top=top))
    top = _CAPTION + 3 * _ROW_HEIGHT
    if scale_known:
        parts.append(_pulse(top))
    parts.append(_trace(RHYTHM_LEAD, shown[LEADS.index(RHYTHM_LEAD)], sampling_rate_hz, left, top=top))
    if marks := marks_of(simulated=simulated, scale_known=scale_known):
        parts.append(
            f'<text x="{_WIDTH - _MARGIN:g}" y="5" text-anchor="end" font-size="4" fill="#b00020">{marks}</text>'
        )
    scale = "25 mm/s · 10 mm/mV" if scale_known else "no scale is known"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH:g}mm" height="{_HEIGHT:g}mm" '
        f'viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img" font-family="sans-serif">'
        f"<title>12-lead ECG</title><desc>{scale}. {escaped(caption)}</desc>{_PAPER}"
        f'<text x="{_MARGIN:g}" y="5" font-size="3.2">{escaped(caption)}</text>'
        f'<text x="{_MARGIN:g}" y="{_HEIGHT - 2:g}" font-size="3">'
        f"{scale} · {sampling_rate_hz:g} Hz · each trace centred on its median</text>"
        f"{''.join(parts)}</svg>"
    )


def marks_of(*, simulated: bool, scale_known: bool) -> str:
    """Return what is written on the paper in red."""
    return " · ".join(words for words, is_so in (("SIMULATED", simulated), ("NOT TO SCALE", not scale_known)) if is_so)


def _pulse(top: float) -> str:
    """Return the calibration pulse: 1 mV for 200 ms."""
    y = top + _BASELINE
    return (
        f'<path d="M{_MARGIN:g} {y:g}h2v{-MM_PER_MV:g}h{0.2 * MM_PER_S:g}v{MM_PER_MV:g}h2" '
        'fill="none" stroke="#111" stroke-width=".3"/>'
    )


def _trace(lead: str, trace: NDArray[np.float64], sampling_rate_hz: float, left: float, *, top: float) -> str:
    offset_mv = float(np.median(trace[np.isfinite(trace)])) if np.isfinite(trace).any() else 0.0
    x = left + np.arange(len(trace)) / sampling_rate_hz * MM_PER_S
    y = top + _BASELINE - (trace - offset_mv) * MM_PER_MV
    points = " ".join(f"{px:.2f},{py:.2f}" for px, py in zip(x, y, strict=True) if np.isfinite(py))
    offset = (
        f'<tspan dx="1.2" font-size="2.6">offset {offset_mv:+.1f} mV</tspan>'
        if abs(offset_mv) >= _LEAST_OFFSET_MV
        else ""
    )
    return (
        f'<polyline data-lead="{lead}" points="{points}" fill="none" stroke="#111" stroke-width=".28" '
        f'stroke-linejoin="round"/><text x="{left + 1:g}" y="{top + 6:g}" font-size="3.6">{lead}{offset}</text>'
    )
