"""From a signal in millivolts to the windows a model sees (paper, section 4.1).

In this order: refuse signals that cannot be used; resample to 250 Hz by linear interpolation; cut non-overlapping
10 s windows; remove the baseline with a 0.5 Hz high-pass; z-score each lead; remove 50 and 60 Hz with notch filters.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from typing import Any, Literal, get_args

import numpy as np
import scipy  # `scipy.signal` loads when it is first used
from numpy.typing import NDArray

from ml.formats.recording import LEADS, Reason
from ml.signals.quality import MIN_AMPLITUDE_MV, Unusable, check, has_signal
from ml.signals.zero_phase import (
    Coefficients,
    high_pass,
    notch,
    squared_gain,
    standardise_odd,
    standardise_symmetric,
)

Padding = Literal["symmetric", "odd"]

_ANTIALIAS_ORDER = 8
_ANTIALIAS_CUTOFF = 0.8  # of the target's Nyquist frequency


@dataclass(frozen=True)
class Preprocessing:
    """Every step, by name. A bundle holds its model's steps, and they are repeated on each new ECG.

    Attributes
    ----------
    target_rate_hz, window_s
        A window has `target_rate_hz * window_s` samples a lead.
    high_pass_hz
        Cut-off frequency of the second-order Butterworth high-pass, applied forward and backward.
    notch_hz, notch_q
        Mains frequencies to remove, and the notches' quality factor.
    padding
        How a window is extended beyond its ends: "symmetric", or "odd" for weights trained with SciPy's default.
    antialias
        Whether to low-pass before the rate is reduced. The paper does not.
    """

    target_rate_hz: float = 250.0
    window_s: float = 10.0
    high_pass_hz: float = 0.5
    notch_hz: tuple[float, ...] = (50.0, 60.0)
    notch_q: float = 30.0
    padding: Padding = "symmetric"
    antialias: bool = False

    def __post_init__(self) -> None:
        nyquist_hz = self.target_rate_hz / 2
        if not (0 < self.target_rate_hz < np.inf and 0 < self.window_s < np.inf):
            raise ValueError("target_rate_hz and window_s must be positive")
        if not float(self.target_rate_hz * self.window_s).is_integer():
            raise ValueError("target_rate_hz * window_s must be a whole number of samples")
        if not all(0 < frequency < nyquist_hz for frequency in (self.high_pass_hz, *self.notch_hz)):
            raise ValueError(f"high_pass_hz and notch_hz must lie between 0 and {nyquist_hz:g} Hz")
        if not 0 < self.notch_q < np.inf:
            raise ValueError("notch_q must be positive")
        if self.padding not in get_args(Padding):
            raise ValueError(f"padding is one of {', '.join(get_args(Padding))}, not {self.padding!r}")

    @property
    def samples(self) -> int:
        """Samples a lead in one window."""
        return round(self.target_rate_hz * self.window_s)

    def to_dict(self) -> dict[str, Any]:
        """Return the steps as they are written into a dataset and a bundle."""
        return {**asdict(self), "notch_hz": list(self.notch_hz)}

    @classmethod
    def from_dict(cls, named: Mapping[str, Any]) -> "Preprocessing":
        """Return the steps that `to_dict` wrote.

        Raises `ValueError` for an unknown or a missing step: the steps of another release must not be followed in part.
        """
        known = {field.name for field in fields(cls)}
        if named.keys() != known:
            raise ValueError(f"unknown or missing preprocessing steps: {', '.join(sorted(named.keys() ^ known))}")
        return cls(**{**named, "notch_hz": tuple(named["notch_hz"])})


@dataclass(frozen=True, eq=False)
class Windows:
    """The windows of one recording.

    Attributes
    ----------
    values
        (k, 12, samples) float32 in standard deviations, leads in the order of `LEADS`.
    starts_s
        (k,) float64, where each window begins in the recording.
    scale_mv
        (k, 12) float32, the standard deviations that each lead was divided by; values times these are in mV.
    """

    values: NDArray[np.float32]
    starts_s: NDArray[np.float64]
    scale_mv: NDArray[np.float32]


def check_usable(
    signal_mv: NDArray[np.float64], sampling_rate_hz: float, options: Preprocessing | None = None
) -> list[Reason]:
    """Return every reason why `preprocess` would refuse a signal, and none exactly where it makes a window.

    The parameters are those of `preprocess`. Uploads are judged by this, so that what is stored can be used.
    """
    options = options or Preprocessing()
    reasons = _check(signal_mv, sampling_rate_hz, options)
    if not reasons and next(_usable_windows(signal_mv, sampling_rate_hz, options), None) is None:
        reasons.append(_no_window(options))
    return reasons


def preprocess(
    signal_mv: NDArray[np.float64], sampling_rate_hz: float, options: Preprocessing | None = None
) -> Windows:
    """Return the windows of one recording; they depend on nothing but this recording.

    Parameters
    ----------
    signal_mv
        (12, n) in mV, leads in the order of `LEADS`.
    sampling_rate_hz
        At least `options.target_rate_hz`.
    options
        The paper's steps where none are given.

    Raises
    ------
    Unusable
        With every reason of `check_usable`.
    """
    options = options or Preprocessing()
    if reasons := _check(signal_mv, sampling_rate_hz, options):
        raise Unusable(reasons)
    count = _count(signal_mv.shape[1], sampling_rate_hz, options)
    values = np.empty((count, len(LEADS), options.samples), np.float32)
    starts, scale = np.empty(count), np.empty((count, len(LEADS)), np.float32)
    kept = 0
    for index, window in _usable_windows(signal_mv, sampling_rate_hz, options):
        values[kept], scale[kept] = _standardise(window, options)
        starts[kept] = index * options.window_s
        kept += 1
    if kept == 0:
        raise Unusable([_no_window(options)])
    return Windows(values[:kept], starts[:kept], scale[:kept])


def millivolt_windows(
    signal_mv: NDArray[np.float64], sampling_rate_hz: float, options: Preprocessing | None = None
) -> Iterator[NDArray[np.float64]]:
    """Yield the windows that `preprocess` makes as they are before any filter: (12, samples) in mV at the target rate.

    The parameters are those of `preprocess`. Raises its `Unusable` when the first one is asked for.
    """
    options = options or Preprocessing()
    if reasons := _check(signal_mv, sampling_rate_hz, options):
        raise Unusable(reasons)
    found = False
    for _, window in _usable_windows(signal_mv, sampling_rate_hz, options):
        found = True
        yield window
    if not found:
        raise Unusable([_no_window(options)])


def _check(signal_mv: NDArray[np.float64], sampling_rate_hz: float, options: Preprocessing) -> list[Reason]:
    return check(
        signal_mv,
        sampling_rate_hz,
        min_sampling_rate_hz=options.target_rate_hz,
        min_duration_s=options.window_s,
    )


def _no_window(options: Preprocessing) -> Reason:
    return Reason(
        "no_window",
        f"in every window of {options.window_s:g} s a lead has no signal (a constant), "
        f"or no lead reaches {MIN_AMPLITUDE_MV:g} mV from peak to peak",
    )


def _usable_windows(
    signal_mv: NDArray[np.float64], sampling_rate_hz: float, options: Preprocessing
) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Yield the windows that have a signal, (12, samples) in mV at the target rate, each with its number.

    One at a time: a day of Holter needs no more memory than its own length.
    """
    if options.antialias and sampling_rate_hz > options.target_rate_hz:
        cutoff_hz = _ANTIALIAS_CUTOFF * options.target_rate_hz / 2
        signal_mv = scipy.signal.sosfiltfilt(
            scipy.signal.butter(_ANTIALIAS_ORDER, cutoff_hz, fs=sampling_rate_hz, output="sos"), signal_mv, axis=-1
        )
    step = sampling_rate_hz / options.target_rate_hz
    for index in range(_count(signal_mv.shape[1], sampling_rate_hz, options)):
        window = _interpolate(signal_mv, step, index * options.samples, options.samples)
        if has_signal(window):
            yield index, window


def _count(samples: int, sampling_rate_hz: float, options: Preprocessing) -> int:
    """Return how many whole windows a signal has."""
    step = sampling_rate_hz / options.target_rate_hz
    return (int((samples - 1) / step + 1e-9) + 1) // options.samples


def _interpolate(signal: NDArray[np.float64], step: float, start: int, count: int) -> NDArray[np.float64]:
    """Return the signal at sample positions k·step, k = start … start + count − 1, linearly between samples."""
    if step.is_integer():
        stride = int(step)
        return signal[:, start * stride : (start + count - 1) * stride + 1 : stride]
    position = np.minimum(np.arange(start, start + count) * step, signal.shape[1] - 1)
    left = np.minimum(position.astype(np.intp), signal.shape[1] - 2)
    fraction = position - left
    between: NDArray[np.float64] = signal[:, left] * (1 - fraction) + signal[:, left + 1] * fraction
    return between


def _standardise(
    window: NDArray[np.float64], options: Preprocessing
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if options.padding == "odd":
        return standardise_odd(window, *_filters(options))
    return standardise_symmetric(window, *_gains(options))


def _filters(options: Preprocessing) -> tuple[list[Coefficients], list[Coefficients]]:
    """Return the filters before and after the z-score."""
    rate_hz = options.target_rate_hz
    return (
        [high_pass(options.high_pass_hz, rate_hz)],
        [notch(frequency_hz, options.notch_q, rate_hz) for frequency_hz in options.notch_hz],
    )


@lru_cache(maxsize=16)
def _gains(options: Preprocessing) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the filters' squared gains; they are the same for all windows, so they are computed once."""
    before, after = (squared_gain(filters, options.samples) for filters in _filters(options))
    before.flags.writeable = after.flags.writeable = False
    return before, after
