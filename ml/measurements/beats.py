"""The beats of a window, and their average.

A window is z-scored lead by lead. This removes the relative amplitudes of the limb leads, and with them the axis. They
can be computed again: Einthoven's and Goldberger's laws hold for the leads in millivolt, and only one set of
amplitudes (up to a common factor) makes the z-scored leads fulfil them.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import scipy  # `scipy.signal` loads when it is first used
from numpy.typing import NDArray
from scipy.fft import dct, idct

Signal = NDArray[np.float64]

RATE_HZ = 250.0
BEFORE, AFTER = 100, 150  # samples of a beat on either side of its QRS
BEAT_SAMPLES = BEFORE + AFTER
LIMB_LEADS = 6

SMOOTH_HZ = 38.0  # present in every source: the z-scored part of PTB-XL ends at 40 Hz
_QRS_HZ = (8.0, 30.0)
_REFRACTORY = 60  # samples: 240 ms
_PEAK_SHARE = 0.35  # of the way from the background to a typical QRS
_REACH = 12  # samples by which a beat may move to fit the template
_HALF = 25  # samples of the template on either side
_ROUNDS = 3
LIKE = 0.8  # least correlation with the template of a usual beat

# I − II + III, (I + II)/2 + aVR, (I − III)/2 − aVL, (II + III)/2 − aVF: all 0
_LAWS = np.array(
    [[1, -1, 1, 0, 0, 0], [0.5, 0.5, 0, 1, 0, 0], [0.5, 0, -0.5, 0, -1, 0], [0, 0.5, 0.5, 0, 0, -1]], dtype=np.float64
)


@dataclass(frozen=True, eq=False)
class Beats:
    """The beats of one window.

    Attributes
    ----------
    leads
        (12, n) the window below 38 Hz. The limb leads have their true relative amplitudes and, over all six, mean
        square 1; each chest lead has mean square 1.
    at
        (b,) the samples of the QRS complexes, in order.
    likeness
        (b,) correlation of each beat with the template.
    single
        (12, b, 250) each beat, from 400 ms before to 600 ms after its QRS.
    averaged
        (b,) bool: whether the beat is part of the average (similar to the template, and not cut by an end).
    average
        (12, 250) their median.
    """

    leads: Signal
    at: NDArray[np.intp]
    likeness: Signal
    single: Signal
    averaged: NDArray[np.bool_]
    average: Signal


def limb_amplitudes(window: Signal) -> Signal:
    """Return the relative amplitudes of the six limb leads, (6,) with sum of squares 6, for a window (≥ 6, n).

    They minimise |A · diag(d) · z|², A the four laws and z the leads: with C the covariance of z, d is the
    eigenvector of (AᵀA) ∘ C for the smallest eigenvalue (∘ is the product element by element).
    """
    limbs = window[:LIMB_LEADS]
    _, vectors = np.linalg.eigh((_LAWS.T @ _LAWS) * (limbs @ limbs.T) / limbs.shape[1])
    amplitudes: Signal = np.sqrt(LIMB_LEADS) * np.abs(vectors[:, 0])
    return amplitudes


def find_beats(window: NDArray[Any]) -> Beats:
    """Return the beats of a window, (12, n) at 250 Hz; a window without a QRS has one beat, in its middle."""
    leads = _proportioned(window, window.shape[-1])
    at, likeness = _aligned(leads, _candidates(leads))
    samples = leads.shape[-1]
    whole = (at >= 0.6 * BEFORE) & (at < samples - 0.7 * AFTER)
    averaged = whole & (likeness > LIKE)
    if averaged.sum() < 2:
        averaged = whole & (likeness >= np.median(likeness))
    if not averaged.any():
        averaged = np.ones(len(at), bool)
    single = _cut(leads, at, BEFORE, AFTER)
    return Beats(leads, at, likeness, single, averaged, np.median(single[:, averaged], axis=1))


def strip(window: NDArray[Any]) -> NDArray[np.float32]:
    """Return `Beats.leads` of a window, (12, n) at 250 Hz, resampled to 100 Hz: (12, 2n / 5) float32."""
    return _proportioned(window, window.shape[-1] * 2 // 5).astype(np.float32)


def _proportioned(window: NDArray[Any], samples: int) -> Signal:
    """Return the window smoothed, with this number of samples, and with the limb leads' relative amplitudes.

    The first coefficients of a DCT-II are those of the same signal at a lower rate.
    """
    smooth, _ = _gains(window.shape[-1])
    coefficients = dct(window.astype(np.float64), norm="ortho", axis=-1) * smooth
    leads: Signal = idct(coefficients[:, :samples], norm="ortho", axis=-1)
    leads /= leads.std(axis=-1, keepdims=True).clip(1e-6)
    leads[:LIMB_LEADS] *= limb_amplitudes(leads)[:, None]
    return leads


@lru_cache(maxsize=256)
def _gains(samples: int) -> tuple[Signal, Signal]:
    """Return the gains of the smoothing and of the QRS filter at the DCT-II's frequencies, (samples,) each."""
    frequency = np.arange(samples) * RATE_HZ / 2 / samples
    low, high = _QRS_HZ
    with np.errstate(divide="ignore"):
        rise = 1 / (1 + (low / frequency) ** 6)
    return 1 / (1 + (frequency / SMOOTH_HZ) ** 16), rise / (1 + (frequency / high) ** 8)


def _filtered(leads: Signal, gain: Signal) -> Signal:
    filtered: Signal = idct(dct(leads, norm="ortho", axis=-1) * gain, norm="ortho", axis=-1, overwrite_x=True)
    return filtered


def _candidates(leads: Signal) -> NDArray[np.intp]:
    """Return the samples at which all leads together change fastest."""
    speed = np.abs(np.diff(_filtered(leads, _gains(leads.shape[-1])[1]), axis=-1)).sum(axis=0)
    speed = np.convolve(speed, np.hanning(25), "same")
    peaks, _ = scipy.signal.find_peaks(speed, distance=_REFRACTORY)
    if not len(peaks):
        return np.array([leads.shape[-1] // 2])
    background = np.median(speed)
    typical = np.median(np.sort(speed[peaks])[-8:])
    candidates: NDArray[np.intp] = peaks[speed[peaks] >= background + _PEAK_SHARE * (typical - background)]
    return candidates


def _aligned(leads: Signal, at: NDArray[np.intp]) -> tuple[NDArray[np.intp], Signal]:
    """Return the beats moved to where they fit the template best, and their correlations with it, (b,) each.

    The template is the most typical beat, and then the median of the beats like it.
    """
    samples = leads.shape[-1]
    fast = _filtered(leads, _gains(samples)[1])
    inner = (at > _HALF) & (at < samples - _HALF)
    if inner.sum() < 2:
        inner[:] = True
    pieces = _cut(fast, at, _HALF, _HALF)
    flat = pieces[:, inner].transpose(1, 0, 2).reshape(int(inner.sum()), -1)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True).clip(1e-9)
    template = pieces[:, inner][:, np.argmax(np.median(flat @ flat.T, axis=1))]
    for _ in range(_ROUNDS):
        wide = _cut(fast, at, _HALF + _REACH, _HALF + _REACH)
        views = np.lib.stride_tricks.sliding_window_view(wide, 2 * _HALF, axis=-1)  # (12, b, shifts, 50)
        product = np.einsum("lbst,lt->bs", views, template)
        norms = np.sqrt(np.einsum("lbst,lbst->bs", views, views) * np.square(template).sum())
        correlation = product / norms.clip(1e-9)
        at = np.clip(at + correlation.argmax(axis=1) - _REACH, 0, samples - 1)
        likeness = correlation.max(axis=1)
        typical = inner & (likeness > LIKE)
        if typical.sum() >= 2:
            template = np.median(_cut(fast, at, _HALF, _HALF)[:, typical], axis=1)
    return at, likeness


def _cut(leads: Signal, at: NDArray[np.intp], before: int, after: int) -> Signal:
    """Return a piece around each beat, (12, b, before + after); beyond an end the last value is repeated."""
    place = (at[:, None] + np.arange(-before, after)).clip(0, leads.shape[-1] - 1)
    return leads[:, place]
