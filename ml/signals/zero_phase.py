"""Zero-phase filters of one window, computed with the discrete cosine transform.

Filtering forward and backward multiplies a spectrum by |H|² and shifts no wave. Near the ends of a window the result
depends on how the window is extended. Mirrored at both ends (x₂ x₁ x₀ | x₀ x₁ x₂ …) the window becomes an even,
periodic sequence. Its spectrum is its DCT-II, and every zero-phase filter is a product with the squared gain at
ω = πk/n. This is exact; recursive filters need long extensions before their initial state no longer matters.
"""

from collections.abc import Sequence

import numpy as np
import scipy  # `scipy.signal` loads when it is first used: half of what the service imports
from numpy.typing import NDArray
from scipy.fft import dct, idct

Coefficients = tuple[NDArray[np.float64], NDArray[np.float64]]  # (b, a) of H(z) = B(z) / A(z)


def high_pass(cutoff_hz: float, sampling_rate_hz: float) -> Coefficients:
    """Return the second-order Butterworth high-pass that removes baseline wander."""
    b, a = scipy.signal.butter(2, cutoff_hz, "highpass", fs=sampling_rate_hz)
    return b, a


def notch(frequency_hz: float, q: float, sampling_rate_hz: float) -> Coefficients:
    """Return the second-order notch that removes one mains frequency; `q` = frequency / −3 dB width."""
    b, a = scipy.signal.iirnotch(frequency_hz, q, fs=sampling_rate_hz)
    return b, a


def squared_gain(filters: Sequence[Coefficients], samples: int) -> NDArray[np.float64]:
    """Return Π|H|² of a cascade at the DCT-II's frequencies πk/n, (samples,)."""
    gain = np.ones(samples)
    for b, a in filters:
        _, response = scipy.signal.freqz(b, a, worN=np.pi * np.arange(samples) / samples)
        gain *= np.abs(response) ** 2
    return gain


def standardise_symmetric(
    window: NDArray[np.float64], before: NDArray[np.float64], after: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the window filtered, z-scored and filtered again on its symmetric extension, and the deviations, (leads,).

    Parameters
    ----------
    window
        (leads, n).
    before, after
        (n,) squared gains before and after the z-score. `before` must be 0 at frequency 0: then the mean is 0, and
        by Parseval the standard deviation (ddof 0) is the root mean square of the coefficients, so that the z-score
        needs no transform of its own.
    """
    coefficients = dct(window, type=2, norm="ortho", axis=-1)
    coefficients *= before
    deviation = np.sqrt(np.mean(np.square(coefficients), axis=-1, keepdims=True))
    coefficients *= after / deviation
    standardised: NDArray[np.float64] = idct(coefficients, type=2, norm="ortho", axis=-1, overwrite_x=True)
    return standardised, deviation[..., 0]


def standardise_odd(
    window: NDArray[np.float64], before: Sequence[Coefficients], after: Sequence[Coefficients]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the same with `scipy.signal.filtfilt` and its default, a short odd extension, as common scripts do."""
    for b, a in before:
        window = scipy.signal.filtfilt(b, a, window, axis=-1)
    deviation = window.std(axis=-1, keepdims=True)
    window = (window - window.mean(axis=-1, keepdims=True)) / deviation
    for b, a in after:
        window = scipy.signal.filtfilt(b, a, window, axis=-1)
    return window, deviation[..., 0]
