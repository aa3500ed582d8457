"""The ECG on millimetre paper as PDF: A4, vectors in millimetres, true to scale when it is printed at 100 %."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from fpdf import FPDF
from numpy.typing import NDArray

from app.ecgs.paper import LEFT, PAGE_S, Layout, Piece, Row, Sheet, plan
from app.ecgs.plot import marks_of
from ml.formats import LEADS, Recording

A4_MM = (297.0, 210.0)
_PAPER, _FINE, _STRONG = (255, 250, 250), (246, 195, 195), (229, 143, 143)
_TRACE, _WARN = (17, 17, 17), (176, 0, 32)
_LEAST_OFFSET_MV = 0.05  # half a millimetre at 10 mm/mV: a smaller offset is not written
_POINTS = 72 / 25.4  # a millimetre


@dataclass(frozen=True, kw_only=True)
class View:
    """How an ECG is printed. `speed` in mm/s, `gain` in mm/mV; `start_s`: where the ten seconds begin."""

    layout: Layout = "3x4"
    speed: float = 25.0
    gain: float = 10.0
    start_s: float = 0.0
    caption: str = ""
    simulated: bool = False
    made_at: datetime


def plot_pdf(signal_mv: NDArray[np.float64], recording: Recording, view: View) -> bytes:
    """Return ten seconds of an ECG as PDF, on as many sheets as its speed needs.

    `signal_mv`: (12, samples), mV, in the order of `ml.formats.LEADS`, from `view.start_s` of the recording on.
    """
    pdf = FPDF(orientation="landscape", unit="mm", format="A4")
    pdf.set_auto_page_break(False)
    pdf.set_creation_date(view.made_at)
    pdf.set_title("12-lead ECG")
    sheet = plan(view.layout, view.speed)
    shown_s = min(PAGE_S, signal_mv.shape[1] / recording.sampling_rate_hz)
    begin_s = 0.0
    while begin_s == 0 or begin_s < shown_s:
        pdf.add_page()
        with pdf.local_context():
            left, top = ((of - on) / 2 for of, on in zip(A4_MM, (sheet.width, sheet.height), strict=True))
            _Page(pdf, sheet, view, left, top).draw(signal_mv, recording, begin_s=begin_s)
        begin_s += sheet.seconds
    return bytes(pdf.output())


@dataclass(frozen=True)
class _Page:
    """A page that is drawn on; `left` and `top` are where the sheet lies on the paper, in mm."""

    pdf: FPDF
    sheet: Sheet
    view: View
    left: float
    top: float

    def draw(self, signal_mv: NDArray[np.float64], recording: Recording, *, begin_s: float) -> None:
        """Draw the sheet that begins `begin_s` into the signal."""
        self._paper()
        for row in self.sheet.rows:
            if recording.scale_known:
                self._line([(x, row.baseline + y) for x, y in self._pulse()], 0.3)
            for piece in row.pieces:
                self._trace(row, piece, signal_mv, recording.sampling_rate_hz, begin_s=begin_s)
        view, right = self.view, self.sheet.width - 5
        self._text(view.caption[:120], 5, 5.5, 3.1)
        marks = marks_of(simulated=view.simulated, scale_known=recording.scale_known)
        self._text(marks, right, 5.5, 3.8, colour=_WARN, end=True)
        foot = self.sheet.height - 3.5
        scale = f"{view.speed:g} mm/s · {view.gain:g} mm/mV" if recording.scale_known else "no scale is known"
        words = f"{scale} · {recording.sampling_rate_hz:g} Hz · no filter"
        self._text(f"{words} · each trace centred on its median", 5, foot, 2.9)
        first = view.start_s + begin_s
        duration_s = recording.duration_s
        last = min(first + self.sheet.seconds, duration_s)
        self._text(f"{first:g} s to {last:g} s of {duration_s:g} s", right, foot, 2.9, end=True)

    def _paper(self) -> None:
        pdf, sheet = self.pdf, self.sheet
        pdf.set_fill_color(*_PAPER)
        pdf.rect(self.left, self.top, sheet.width, sheet.height, style="F")
        for every, colour, width in ((1, _FINE, 0.1), (5, _STRONG, 0.18)):
            pdf.set_draw_color(*colour)
            pdf.set_line_width(width)
            for x in range(0, int(sheet.width) + 1, every):
                pdf.line(self.left + x, self.top, self.left + x, self.top + sheet.height)
            for y in range(0, int(sheet.height) + 1, every):
                pdf.line(self.left, self.top + y, self.left + sheet.width, self.top + y)

    def _pulse(self) -> list[tuple[float, float]]:
        """Return the calibration pulse, 1 mV for 200 ms, relative to a baseline."""
        end = LEFT - 5
        start, gain = end - 0.2 * self.view.speed, self.view.gain
        return [(start - 2, 0), (start, 0), (start, -gain), (end, -gain), (end, 0), (end + 2, 0)]

    def _trace(
        self, row: Row, piece: Piece, signal_mv: NDArray[np.float64], sampling_rate_hz: float, *, begin_s: float
    ) -> None:
        first = int(np.ceil((begin_s + piece.from_s) * sampling_rate_hz - 1e-6))
        last = int(np.floor((begin_s + piece.to_s) * sampling_rate_hz + 1e-6)) + 1
        trace = signal_mv[LEADS.index(piece.lead), first:last]
        known = np.isfinite(trace)
        offset_mv = float(np.median(trace[known])) if known.any() else 0.0
        seconds = np.arange(first, first + len(trace)) / sampling_rate_hz - begin_s - piece.from_s
        x = piece.left + seconds * self.view.speed
        y = row.baseline - (trace - offset_mv) * self.view.gain
        for run in np.split(np.arange(len(trace)), np.flatnonzero(np.diff(known.astype(int))) + 1):
            if len(run) > 1 and known[run[0]]:
                self._line(list(zip(x[run].tolist(), y[run].tolist(), strict=True)), 0.28)
        name_y = row.top + min(6, row.height * 0.22)
        end = self._text(piece.lead, piece.left + 1, name_y, 3.5, bold=True)
        if abs(offset_mv) >= _LEAST_OFFSET_MV:
            self._text(f"offset {offset_mv:+.1f} mV", end + 1.2, name_y, 2.5)

    def _line(self, points: list[tuple[float, float]], width: float) -> None:
        self.pdf.set_draw_color(*_TRACE)
        self.pdf.set_line_width(width)
        self.pdf.polyline([(self.left + x, self.top + y) for x, y in points])

    def _text(
        self,
        words: str,
        x: float,
        y: float,
        size_mm: float,
        *,
        bold: bool = False,
        colour: tuple[int, int, int] = _TRACE,
        end: bool = False,
    ) -> float:
        """Write words and return where they end, in mm. A sign that the font lacks becomes a question mark."""
        pdf = self.pdf
        shown = words.encode("latin-1", "replace").decode("latin-1")
        pdf.set_font("helvetica", "B" if bold else "", size_mm * _POINTS)
        pdf.set_text_color(*colour)
        width = float(pdf.get_string_width(shown))
        pdf.text(self.left + x - (width if end else 0), self.top + y, shown)
        return x + width
