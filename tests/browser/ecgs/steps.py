"""A made record of steps of 1 mV and 200 ms, and how large a step is in a picture of the paper.

The picture is measured without the code that draws: where there is much trace in a column is an edge, where in a row is a level.
"""

import io
import json
from dataclasses import dataclass

import httpx
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page

from ml.formats import LEADS

MM = 96 / 25.4  # CSS pixels
ZOOMS = (0.75, 1, 1.5)
RATIOS = (1, 2)
WIDTH = 1630  # CSS pixels of the window: the whole paper fits at each zoom, and nothing stands beside it
PAPER_RED, TRACE_RED = 225, 17  # the red of the paper's darkest line, at least, and of the trace
STRIP_MM = (115.0, 147.0)  # where the rhythm strip's row is, in 3 × 4: to look there, not to measure


@dataclass(frozen=True)
class Kind:
    """A way to store the same millivolts: ADC units a unit, the unit, ADC units a millivolt, samples a second."""

    gain: str
    unit: str
    per_mv: int
    rate_hz: int


KINDS = (
    Kind("1000", "mV", 1000, 250),
    Kind("0.4", "uV", 400, 500),
    Kind("0.0002", "nV", 200, 1000),
)


def record(kind: Kind, name: str) -> dict[str, bytes]:
    """Return the files of ten seconds in which each lead steps up by 1 mV for 200 ms, once a second."""
    fifths = np.arange(10 * kind.rate_hz) % kind.rate_hz // (kind.rate_hz // 5)
    step = np.where(fifths == 2, kind.per_mv, 0)
    samples = np.repeat(step[:, None], len(LEADS), axis=1).astype("<i2")
    lines = [f"{name} {len(LEADS)} {kind.rate_hz} {len(samples)}"]
    lines += [f"{name}.dat 16 {kind.gain}(0)/{kind.unit} 16 0 0 0 0 {lead}" for lead in LEADS]
    return {f"{name}.hea": ("\n".join(lines) + "\n").encode(), f"{name}.dat": samples.tobytes()}


def upload(client: httpx.Client, kind: Kind) -> str:
    """Store a record of steps; return its ECG's id."""
    files = [("file", item) for item in record(kind, f"steps-{kind.unit}-{kind.rate_hz}").items()]
    answer = client.post("/v1/ecgs", files=files, data={"metadata": json.dumps({"simulated": True})})
    answer.raise_for_status()
    return str(answer.json()["id"])


@dataclass(frozen=True)
class Step:
    """How large steps are in a picture, in pixels of the device: the height, and all widths."""

    height: float
    widths: tuple[float, ...]


def open_ecg(page: Page, ecg_id: str) -> None:
    """Open an ECG's page and wait until it is drawn."""
    page.goto(f"/ecgs/{ecg_id}")
    page.wait_for_selector("[data-ecg-paper][data-drawn=ecg]")


def measured(page: Page, zoom: float, ratio: float) -> Step:
    """Measure the steps of the rhythm strip on the open page at a zoom."""
    page.evaluate("zoom => document.querySelector('[data-ecg-paper]').ecgPaper.set({ zoom })", zoom)
    picture = page.locator(".ecg-canvas").screenshot()
    return steps_in(np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")), MM * zoom * ratio)


def steps_in(picture: NDArray[np.uint8], px_per_mm: float) -> Step:
    """Return the size of the steps in a picture of the paper, (height, width, 3).

    The paper's own colours are bright in red, the trace is dark: how much of a pixel is trace follows from its red.
    """
    top, bottom = (int(mm * px_per_mm) for mm in STRIP_MM)
    red = picture[top:bottom, :, 0].astype(float)
    trace = np.clip((PAPER_RED - red) / (PAPER_RED - TRACE_RED), 0, 1)
    trace[:, : int(19.5 * px_per_mm)] = 0  # the calibration pulse
    edges = _centres(trace.sum(axis=0), 4 * px_per_mm)
    widths = tuple(right - left for left, right in zip(edges[0::2], edges[1::2], strict=True))
    inside = trace[:, int(edges[0]) + 4 : int(edges[1]) - 3]
    between = trace[:, int(edges[1]) + 4 : int(edges[2]) - 3]
    [above], [below] = (_centres(part.mean(axis=1), 0.25) for part in (inside, between))
    return Step(below - above, widths)


def _centres(amounts: NDArray[np.float64], least: float) -> list[float]:
    """Return the centre of each run of lines with much trace, weighted by how much; its neighbours belong to it."""
    found = np.flatnonzero(amounts > least)
    runs = np.split(found, np.flatnonzero(np.diff(found) > 2) + 1)
    centres = []
    for run in runs:
        near = np.arange(max(run[0] - 1, 0), min(run[-1] + 2, len(amounts)))
        excess = np.clip(amounts[near] - least / 4, 0, None)
        centres.append(float((near * excess).sum() / excess.sum()))
    return centres
