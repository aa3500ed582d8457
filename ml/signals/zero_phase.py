"""Zero-phase filters of one window, and why the discrete cosine transform is one.

Filtering forward and backward multiplies a spectrum by |H|² and shifts no wave. What it does at the ends of ten
seconds depends on what one imagines beyond them. Mirrored at both ends (x₂ x₁ x₀ | x₀ x₁ x₂ …) the window becomes
an even, periodic sequence; its spectrum is its DCT-II, and every zero-phase filter is a product with the squared
gain at ω = πk/n. That is exact, where recursive filters need long extensions to forget how they were started.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct, idct
from scipy.signal import butter, filtfilt, freqz, iirnotch

Coefficients = tuple[NDArray[np.float64], NDArray[np.float64]]  # (b, a) of H(z) = B(z) / A(z)


def high_pass(cutoff_hz: float, sampling_rate_hz: float) -> Coefficients:
    """Design the second-order Butterworth high-pass that takes the baseline wander away."""
    b, a = butter(2, cutoff_hz, "highpass", fs=sampling_rate_hz)
    return b, a


def notch(frequency_hz: float, q: float, sampling_rate_hz: float) -> Coefficients:
    """Design the second-order notch that takes one mains frequency away; `q` = frequency / −3 dB width."""
    b, a = iirnotch(frequency_hz, q, fs=sampling_rate_hz)
    return b, a


def squared_gain(filters: Sequence[Coefficients], samples: int) -> NDArray[np.float64]:
    """Give Π|H|² of a cascade at the DCT-II's frequencies πk/n, (samples,)."""
    gain = np.ones(samples)
    for b, a in filters:
        _, response = freqz(b, a, worN=np.pi * np.arange(samples) / samples)
        gain *= np.abs(response) ** 2
    return gain


def standardise_symmetric(
    window: NDArray[np.float64], before: NDArray[np.float64], after: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Filter, z-score and filter again, on the window's symmetric extension.

    Parameters
    ----------
    window
        (leads, n).
    before, after
        (n,) squared gains on the two sides of the z-score. `before` must be 0 at frequency 0: then the mean is
        0, and by Parseval the standard deviation (ddof 0) is the root mean square of the coefficients, so that
        the z-score needs no transform of its own.
    """
    coefficients = dct(window, type=2, norm="ortho", axis=-1)
    coefficients *= before
    deviation = np.sqrt(np.mean(np.square(coefficients), axis=-1, keepdims=True))
    coefficients *= after / deviation
    standardised: NDArray[np.float64] = idct(coefficients, type=2, norm="ortho", axis=-1, overwrite_x=True)
    return standardised


def standardise_odd(
    window: NDArray[np.float64], before: Sequence[Coefficients], after: Sequence[Coefficients]
) -> NDArray[np.float64]:
    """Do the same the way common scripts do: `scipy.signal.filtfilt` with its default, a short odd extension."""
    for b, a in before:
        window = filtfilt(b, a, window, axis=-1)
    window = (window - window.mean(axis=-1, keepdims=True)) / window.std(axis=-1, keepdims=True)
    for b, a in after:
        window = filtfilt(b, a, window, axis=-1)
    return window
