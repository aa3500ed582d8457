"""From a recording to the windows a model sees (paper, "Preprocessing").

On a symmetric extension a zero-phase filter is diagonal in the DCT-II, so a window is filtered and normalised by
one forward and one inverse transform: with c = DCT(x) · |H|² the standard deviation is √(Σc²/n) (Parseval; the
high-pass has removed the mean), and the notches multiply c on its way back.
"""

from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import fft, signal

from ml.formats.recording import Reason
from ml.signals.quality import check


class Unusable(Exception):
    """A signal gives no window; `reasons` says why."""

    def __init__(self, reasons: list[Reason]) -> None:
        super().__init__("; ".join(reason.detail for reason in reasons))
        self.reasons = reasons


@dataclass(frozen=True)
class Preprocessing:
    """Every step by name, in the paper's order; travels with a model's weights and is replayed at inference."""

    target_rate_hz: float = 250.0
    window_s: float = 10.0
    high_pass_hz: float = 0.5
    high_pass_order: int = 2
    notch_hz: tuple[float, ...] = (50.0, 60.0)
    notch_q: float = 30.0
    padding: Literal["symmetric", "odd"] = "symmetric"
    antialias: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Write the steps as JSON values."""
        return {**asdict(self), "notch_hz": list(self.notch_hz)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Preprocessing":
        """Read what `to_dict` wrote; `ValueError` for a step this version does not know."""
        unknown = set(values) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f"unknown preprocessing steps: {', '.join(sorted(unknown))}")
        return cls(**{**values, "notch_hz": tuple(values.get("notch_hz", cls.notch_hz))})

    @property
    def window_samples(self) -> int:
        """Samples of a window."""
        return round(self.target_rate_hz * self.window_s)


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of one recording: `values` float32 (k, 12, 2500) in SD, `starts_s` float64 (k,) in seconds."""

    values: NDArray[np.float32]
    starts_s: NDArray[np.float64]


def preprocess(
    signal_mv: NDArray[np.float64], sampling_rate_hz: float, options: Preprocessing | None = None
) -> Windows:
    """Cut a recording into preprocessed, non-overlapping windows.

    Parameters
    ----------
    signal_mv
        (12, samples), mV, canonical lead order.
    sampling_rate_hz
        At least 250 Hz.

    Returns
    -------
    Windows
        Those in which no lead is constant; what one recording gives depends on no other.

    Raises
    ------
    Unusable
        With every reason: see `ml.signals.check`; or that no window is left.
    """
    options = options or Preprocessing()
    if reasons := check(signal_mv, sampling_rate_hz):
        raise Unusable(reasons)
    resampled = _resample(signal_mv, sampling_rate_hz, options)
    length = options.window_samples
    count = resampled.shape[1] // length
    cut = resampled[:, : count * length].reshape(len(signal_mv), count, length).swapaxes(0, 1)
    usable = (np.ptp(cut, axis=2) > 0).all(axis=1)
    if not usable.any():
        raise Unusable([Reason("constant_lead", "in every window some lead is flat")])
    filtered = _by_cosines(cut[usable], options) if options.padding == "symmetric" else _by_scipy(cut[usable], options)
    starts = np.flatnonzero(usable) * options.window_s
    return Windows(filtered.astype(np.float32), starts.astype(np.float64))


def _resample(signal_mv: NDArray[np.float64], rate: float, options: Preprocessing) -> NDArray[np.float64]:
    """Interpolate linearly at t = k / target rate (from 500 Hz that is every second sample)."""
    target = options.target_rate_hz
    if rate == target:
        return signal_mv
    if options.antialias:
        low_pass = signal.butter(8, 0.8 * target / 2, fs=rate, output="sos")
        signal_mv = signal.sosfiltfilt(low_pass, signal_mv)
    samples = signal_mv.shape[1]
    length = int(np.floor(samples * target / rate + 1e-9))
    position = np.minimum(np.arange(length) * (rate / target), samples - 1)
    left = np.minimum(position.astype(np.int64), samples - 2)
    weight = position - left
    return signal_mv[:, left] * (1 - weight) + signal_mv[:, left + 1] * weight


@lru_cache(maxsize=8)
def _gains(options: Preprocessing) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give |H|² of the high-pass and of both notches at the DCT-II's frequencies k / 2n of the sampling rate."""
    frequencies = np.arange(options.window_samples) / (2 * options.window_samples) * options.target_rate_hz
    high_pass, notches = _filters(options)
    notch_gain = np.ones_like(frequencies)
    for coefficients in notches:
        notch_gain *= np.abs(signal.freqz(*coefficients, worN=frequencies, fs=options.target_rate_hz)[1]) ** 2
    high_gain = np.abs(signal.freqz(*high_pass, worN=frequencies, fs=options.target_rate_hz)[1]) ** 2
    return high_gain, notch_gain


_Coefficients = tuple[NDArray[np.float64], NDArray[np.float64]]


def _filters(options: Preprocessing) -> tuple[_Coefficients, list[_Coefficients]]:
    rate = options.target_rate_hz
    high_pass = signal.butter(options.high_pass_order, options.high_pass_hz, "highpass", fs=rate)
    return high_pass, [signal.iirnotch(hz, options.notch_q, fs=rate) for hz in options.notch_hz]


def _by_cosines(windows: NDArray[np.float64], options: Preprocessing) -> NDArray[np.float64]:
    high_gain, notch_gain = _gains(options)
    spectrum = fft.dct(windows, type=2, norm="ortho", axis=-1) * high_gain
    deviation = np.sqrt(np.mean(spectrum**2, axis=-1, keepdims=True))
    return np.asarray(fft.idct(spectrum * notch_gain / deviation, type=2, norm="ortho", axis=-1))


def _by_scipy(windows: NDArray[np.float64], options: Preprocessing) -> NDArray[np.float64]:
    """Filter as common scripts do: `filtfilt` with its default odd padding."""
    high_pass, notches = _filters(options)
    filtered = signal.filtfilt(*high_pass, windows, axis=-1)
    filtered = filtered - filtered.mean(axis=-1, keepdims=True)
    filtered = filtered / filtered.std(axis=-1, keepdims=True)
    for coefficients in notches:
        filtered = signal.filtfilt(*coefficients, filtered, axis=-1)
    return np.asarray(filtered)
