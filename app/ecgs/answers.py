"""A stored signal as an answer: JSON, `.npy` or a plot. Long ones are streamed, a lead or a window at a time."""

import io
import json
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal, NamedTuple

import numpy as np
from fastapi import Response
from numpy.typing import NDArray
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from app.ecgs.measurements import EcgMeasurements, MeasurementsOut
from app.ecgs.memory import Signals
from app.ecgs.packing import packed
from app.ecgs.plot import SHOWN_S, plot_svg
from app.ecgs.plot_pdf import View, plot_pdf
from app.ecgs.schemas import Unit
from app.ecgs.service import device_measurements
from app.ecgs.tables import Ecg
from app.kit.problems import Problem
from ml.formats import LEADS, Recording
from ml.rules import read as read_by_rules
from ml.signals import Preprocessing, Unusable, preprocess
from ml.signals.preprocessing import Windows

Stage = Literal["raw", "window"]
Format = Literal["json", "npy", "packed"]

_OURS = {"heart_rate": "rate", "qrs_ms": "qrs_ms", "qrs_axis": "qrs_axis", "t_axis": "t_axis"}
"""Names of what the rules measure by ours; PR, QT and the axis of P are not shown."""
READ = 3.0  # times the stored samples: the peak while they are read back and written lead by lead
WINDOWED = 6.0  # times: the peak while windows are made of them
RATE_HEADER, UNIT_HEADER, GAIN_HEADER = "Sampling-Rate-Hz", "Signal-Unit", "Signal-Gain"
"""Headers of an `.npy` answer: the array does not say its rate, its unit and how many packed steps make one."""
PLAIN, COMPRESSIBLE = "application/octet-stream", "application/vnd.overread.packed"
"""Types of an `.npy` answer: floating-point noise is sent as it is, packed numbers are compressed on their way."""
PACKED = (
    "`packed`: the raw waveform in whole steps, of which `Signal-Gain` make a millivolt, lead by lead, as an `.npy` of "
    "differences: `x = numpy.cumsum(rows, axis=1, dtype=rows.dtype)`, and then, in int64, rounded down and wrapped to "
    "that type, `x[2] += x[1] - x[0]`, `x[3] += -(x[0] + x[1]) / 2`, `x[4] += x[0] - x[1] / 2`, "
    "`x[5] += x[1] - x[0] / 2`. The type's least number was not recorded. No sample differs from the stored one."
)
BINARY: dict[str, Any] = {
    media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in (PLAIN, COMPRESSIBLE)
}
"""What the API's description says of `.npy` answers."""
CHUNK = 1 << 20  # bytes: a signal of ten seconds is one chunk


class Asked(NamedTuple):
    """Whose waveform is asked for, by whom, and the id that the answer names."""

    ecg: Ecg
    actor: str
    named: uuid.UUID


@asynccontextmanager
async def raw(signals: Signals, asked: Asked, as_format: Format, *, headers: dict[str, str]) -> AsyncIterator[Response]:
    """Make the answer with the signal as stored: (12, samples), float64, mV."""
    async with signals.read(asked.ecg, asked.actor, READ) as recording:
        leads = (_lead(recording, index) for index in range(len(LEADS)))
        unit: Unit = "mV" if recording.scale_known else "unknown"
        shape = recording.samples.shape
        described = {**headers, RATE_HEADER: f"{recording.sampling_rate_hz:g}", UNIT_HEADER: unit}
        if as_format == "npy":
            yield _npy(asked.named, "raw", np.dtype("<f8"), shape, parts=leads, headers=described)
        elif as_format == "packed":
            described[GAIN_HEADER] = ",".join(f"{gain:.17g}" for gain in recording.gain)
            dtype, rows = await run_in_threadpool(packed, recording)
            yield _npy(asked.named, "raw", dtype, shape, parts=rows, headers=described, media_type=COMPRESSIBLE)
        else:
            start = _described(asked.named, "raw", unit, recording.sampling_rate_hz, starts_s=[0.0])
            yield _json(start, leads, headers)


@asynccontextmanager
async def windows(
    signals: Signals, asked: Asked, as_format: Format, *, headers: dict[str, str]
) -> AsyncIterator[Response]:
    """Make the answer with the windows a model sees: (windows, 12, samples), float32, SD."""
    options = Preprocessing()
    async with signals.read(asked.ecg, asked.actor, WINDOWED) as recording:
        made = await run_in_threadpool(_windows, recording, options)
        if as_format == "npy":
            rate = {RATE_HEADER: f"{options.target_rate_hz:g}", UNIT_HEADER: "SD"}
            answered = {**headers, **rate}
            yield _npy(
                asked.named, "window", np.dtype("<f4"), made.values.shape, parts=iter(made.values), headers=answered
            )
        else:
            start = _described(asked.named, "window", "SD", options.target_rate_hz, starts_s=made.starts_s.tolist())
            yield _json(start, iter(made.values), headers)


@asynccontextmanager
async def plot(
    signals: Signals, ecg: Ecg, actor: str, caption: str, *, start_s: float, headers: dict[str, str]
) -> AsyncIterator[Response]:
    """Make the answer with the ten seconds from `start_s` on millimetre paper."""
    async with signals.read(ecg, actor, READ) as recording:
        svg = await run_in_threadpool(_plotted, recording, caption, start_s, ecg.simulated)
        contained = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
        yield Response(svg, media_type="image/svg+xml", headers={**headers, **contained})


@asynccontextmanager
async def pdf(
    signals: Signals, ecg: Ecg, actor: str, view: View, *, headers: dict[str, str]
) -> AsyncIterator[Response]:
    """Make the answer with the ten seconds from `view.start_s` on as PDF."""
    async with signals.read(ecg, actor, READ) as recording:
        made = await run_in_threadpool(_printed, recording, view)
        named = {"Content-Disposition": f'inline; filename="ecg-{ecg.id}.pdf"'}
        yield Response(made, media_type="application/pdf", headers={**headers, **named})


@asynccontextmanager
async def measurements(signals: Signals, ecg: Ecg, actor: str) -> AsyncIterator[Response]:
    """Make the answer with what the device measured, and what is measured here in the waveform's first window."""
    async with signals.read(ecg, actor, WINDOWED) as recording:
        ours = await run_in_threadpool(_measured, recording)
        yield measured(ecg, ours)


def measured(ecg: Ecg, ours: MeasurementsOut | None) -> Response:
    """Return the answer with the device's measurements, and with ours where there is a waveform."""
    answer = EcgMeasurements(ecg_id=ecg.id, device=device_measurements(ecg), overread=ours)
    return Response(answer.model_dump_json(), media_type="application/json")


def _measured(recording: Recording) -> MeasurementsOut:
    evidence = read_by_rules(recording).evidence
    return MeasurementsOut(by="overread", **{ours: evidence.get(name) for ours, name in _OURS.items()})


def _lead(recording: Recording, index: int) -> NDArray[np.float64]:
    only = slice(index, index + 1)
    alone = Recording(recording.samples[only], recording.gain[only], recording.sampling_rate_hz)
    return alone.millivolts().reshape(-1)


def _windows(recording: Recording, options: Preprocessing) -> Windows:
    try:
        return preprocess(recording.millivolts(), recording.sampling_rate_hz, options)
    except Unusable as error:
        reasons = "; ".join(reason.detail for reason in error.reasons)
        raise Problem(422, "no_window", f"No window can be made of this ECG: {reasons}") from error


def _plotted(recording: Recording, caption: str, start_s: float, simulated: bool) -> str:
    shown = _shown(recording, start_s)
    return plot_svg(
        shown, recording.sampling_rate_hz, caption=caption, simulated=simulated, scale_known=recording.scale_known
    )


def _printed(recording: Recording, view: View) -> bytes:
    shown = _shown(recording, view.start_s)
    return plot_pdf(shown, recording, view)


def _shown(recording: Recording, start_s: float) -> NDArray[np.float64]:
    """Return the ten seconds from a time on, in mV."""
    rate = recording.sampling_rate_hz
    first = int(start_s * rate)
    shown = recording.samples[:, first : first + int(SHOWN_S * rate)]
    return Recording(shown, recording.gain, rate).millivolts()


def _described(named: uuid.UUID, stage: Stage, unit: Unit, rate_hz: float, *, starts_s: list[float]) -> dict[str, Any]:
    return {
        "ecg_id": str(named),
        "stage": stage,
        "unit": unit,
        "sampling_rate_hz": rate_hz,
        "leads": list(LEADS),
        "starts_s": starts_s,
    }


def _joined(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Join pieces to chunks of `CHUNK` bytes and more: each chunk that is sent is a call of a thread."""
    chunk = bytearray()
    for piece in pieces:
        chunk += piece
        if len(chunk) >= CHUNK:
            yield bytes(chunk)
            chunk.clear()
    if chunk:
        yield bytes(chunk)


def _json(start: dict[str, Any], parts: Iterator[NDArray[Any]], headers: dict[str, str]) -> Response:
    """Write an object whose last field, `samples`, is the list of these parts."""

    def written() -> Iterator[bytes]:
        before = json.dumps(start, allow_nan=False)[:-1] + ', "samples": ['
        for part in parts:
            yield (before + json.dumps(part.tolist(), allow_nan=False)).encode()
            before = ", "
        yield b"]}"

    return StreamingResponse(_joined(written()), media_type="application/json", headers=headers)


def _npy(
    named: uuid.UUID,
    stage: Stage,
    dtype: np.dtype[Any],
    shape: Sequence[int],
    *,
    parts: Iterator[NDArray[Any]],
    headers: dict[str, str],
    media_type: str = PLAIN,
) -> Response:
    """Write the array of this shape whose rows are these parts, as NumPy's `.npy`."""
    start = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        start, {"descr": dtype.str, "fortran_order": False, "shape": tuple(int(size) for size in shape)}
    )

    def written() -> Iterator[bytes]:
        yield start.getvalue()
        for part in parts:
            yield part.astype(dtype, copy=False).tobytes()

    length = len(start.getvalue()) + dtype.itemsize * int(np.prod(shape))
    return StreamingResponse(
        _joined(written()),
        media_type=media_type,
        headers={
            **headers,
            "Content-Length": str(length),
            "Content-Disposition": f'attachment; filename="{named}-{stage}.npy"',
        },
    )
