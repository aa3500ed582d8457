"""From a signal in millivolts to the windows a model sees (paper, section 4.1).

In this order: refuse what cannot be used; bring the rate to 250 Hz by linear interpolation; cut non-overlapping
10 s windows; take out the baseline with a 0.5 Hz high-pass; z-score each lead; notch out 50 and 60 Hz.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

from ml.formats.recording import LEADS, Reason
from ml.signals.quality import Unusable, check, is_constant
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
    """Every step, by name. A model carries its own and has it replayed on each new ECG.

    Attributes
    ----------
    target_rate_hz, window_s
        A window has `target_rate_hz * window_s` samples a lead.
    high_pass_hz
        Cut-off of the second-order Butterworth high-pass, applied forward and backward.
    notch_hz, notch_q
        Mains frequencies to take out, and the notches' quality factor.
    padding
        How a window continues beyond its ends: "symmetric", or "odd" for weights trained with SciPy's default.
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
        """Give the form that is written into a dataset and a bundle."""
        return {**asdict(self), "notch_hz": list(self.notch_hz)}

    @classmethod
    def from_dict(cls, named: Mapping[str, Any]) -> "Preprocessing":
        """Read `to_dict`'s form back.

        Raises `ValueError` on an unknown or a missing step: a bundle of another release must not be half obeyed.
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
        (k,) float64, where in the recording each begins.
    """

    values: NDArray[np.float32]
    starts_s: NDArray[np.float64]


def preprocess(
    signal_mv: NDArray[np.float64], sampling_rate_hz: float, options: Preprocessing | None = None
) -> Windows:
    """Make the windows of one recording; nothing but this recording has a say in them.

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
        With every reason of `check`, or because in every window some lead is constant.
    """
    options = options or Preprocessing()
    reasons = check(
        signal_mv,
        sampling_rate_hz,
        min_sampling_rate_hz=options.target_rate_hz,
        min_duration_s=options.window_s,
    )
    if reasons:
        raise Unusable(reasons)
    if options.antialias and sampling_rate_hz > options.target_rate_hz:
        cutoff_hz = _ANTIALIAS_CUTOFF * options.target_rate_hz / 2
        signal_mv = sosfiltfilt(
            butter(_ANTIALIAS_ORDER, cutoff_hz, fs=sampling_rate_hz, output="sos"), signal_mv, axis=-1
        )
    step = sampling_rate_hz / options.target_rate_hz
    count = (int((signal_mv.shape[1] - 1) / step + 1e-9) + 1) // options.samples
    values = np.empty((count, len(LEADS), options.samples), np.float32)
    starts = np.empty(count)
    kept = 0
    for index in range(count):  # a window at a time: a day of Holter needs no more memory than its own length
        window = _interpolate(signal_mv, step, index * options.samples, options.samples)
        if is_constant(window).any():
            continue
        values[kept] = _standardise(window, options)
        starts[kept] = index * options.window_s
        kept += 1
    if kept == 0:
        detail = f"in every window of {options.window_s:g} s a lead has no signal (a constant)"
        raise Unusable([Reason("no_window", detail)])
    return Windows(values[:kept], starts[:kept])


def _interpolate(signal: NDArray[np.float64], step: float, start: int, count: int) -> NDArray[np.float64]:
    """Read the signal at sample positions k·step, k = start … start + count − 1, linearly between samples."""
    if step.is_integer():
        stride = int(step)
        return signal[:, start * stride : (start + count - 1) * stride + 1 : stride]
    position = np.minimum(np.arange(start, start + count) * step, signal.shape[1] - 1)
    left = np.minimum(position.astype(np.intp), signal.shape[1] - 2)
    fraction = position - left
    between: NDArray[np.float64] = signal[:, left] * (1 - fraction) + signal[:, left + 1] * fraction
    return between


def _standardise(window: NDArray[np.float64], options: Preprocessing) -> NDArray[np.float64]:
    if options.padding == "odd":
        return standardise_odd(window, *_filters(options))
    return standardise_symmetric(window, *_gains(options))


def _filters(options: Preprocessing) -> tuple[list[Coefficients], list[Coefficients]]:
    """Design the filters before and after the z-score."""
    rate_hz = options.target_rate_hz
    return (
        [high_pass(options.high_pass_hz, rate_hz)],
        [notch(frequency_hz, options.notch_q, rate_hz) for frequency_hz in options.notch_hz],
    )


@lru_cache(maxsize=16)
def _gains(options: Preprocessing) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the filters' squared gains; the same for all windows, so worked out once."""
    before, after = (squared_gain(filters, options.samples) for filters in _filters(options))
    before.flags.writeable = after.flags.writeable = False
    return before, after
