"""Where the beats of a window are, and the one they have in common.

A window is z-scored lead by lead, which hides how large the limb leads are beside one another, and with it the axis.
It is not lost: Einthoven's and Goldberger's laws hold for the leads in millivolt, so of all amplitudes only one set
(up to a common factor) makes the z-scored leads obey them.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct, idct
from scipy.signal import find_peaks

Signal = NDArray[np.float64]

RATE_HZ = 250.0
BEFORE, AFTER = 100, 150  # samples of a beat on either side of its QRS
BEAT_SAMPLES = BEFORE + AFTER
LIMB_LEADS = 6

SMOOTH_HZ = 38.0  # what every source holds: PTB-XL's z-scored part ends at 40 Hz
_QRS_HZ = (8.0, 30.0)
_REFRACTORY = 60  # samples: 240 ms
_PEAK_SHARE = 0.35  # of the way from the background to a typical QRS
_REACH = 12  # samples a beat may be moved to fit the template
_HALF = 25  # samples of the template on either side
_ROUNDS = 3
LIKE = 0.8  # correlation with the template from which a beat is one of the usual ones

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
        (12, n) the window below 38 Hz; the limb leads in their true proportions, their mean square 1 over the six,
        each chest lead's mean square 1.
    at
        (b,) samples at which the QRS complexes are, in order.
    likeness
        (b,) correlation of each with the template.
    single
        (12, b, 250) each beat, 400 ms before to 600 ms after.
    averaged
        (b,) bool: whether it went into the average (like the template, and not cut by an end).
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
    """Give the relative amplitudes of the six limb leads, (6,) with sum of squares 6, from a window (≥ 6, n).

    They minimise |A · diag(d) · z|², A the four laws and z the leads: with C the covariance of z, d is the
    eigenvector of (AᵀA) ∘ C for the smallest eigenvalue (∘ is the product element by element).
    """
    limbs = window[:LIMB_LEADS]
    _, vectors = np.linalg.eigh((_LAWS.T @ _LAWS) * (limbs @ limbs.T) / limbs.shape[1])
    amplitudes: Signal = np.sqrt(LIMB_LEADS) * np.abs(vectors[:, 0])
    return amplitudes


def find_beats(window: NDArray[Any]) -> Beats:
    """Find and average the beats of a window, (12, n) at 250 Hz; a window without a QRS gives one beat, its middle."""
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
    """Give a window, (12, n) at 250 Hz, as `Beats.leads` has it but at 100 Hz: (12, 2n / 5) float32."""
    return _proportioned(window, window.shape[-1] * 2 // 5).astype(np.float32)


def _proportioned(window: NDArray[Any], samples: int) -> Signal:
    """Smooth, bring to a number of samples, and restore the limb leads' proportions.

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
    """Give the gains of the smoothing and of the QRS filter at the DCT-II's frequencies, (samples,) each."""
    frequency = np.arange(samples) * RATE_HZ / 2 / samples
    low, high = _QRS_HZ
    with np.errstate(divide="ignore"):
        rise = 1 / (1 + (low / frequency) ** 6)
    return 1 / (1 + (frequency / SMOOTH_HZ) ** 16), rise / (1 + (frequency / high) ** 8)


def _filtered(leads: Signal, gain: Signal) -> Signal:
    filtered: Signal = idct(dct(leads, norm="ortho", axis=-1) * gain, norm="ortho", axis=-1, overwrite_x=True)
    return filtered


def _candidates(leads: Signal) -> NDArray[np.intp]:
    """Find where all leads together move fastest."""
    speed = np.abs(np.diff(_filtered(leads, _gains(leads.shape[-1])[1]), axis=-1)).sum(axis=0)
    speed = np.convolve(speed, np.hanning(25), "same")
    peaks, _ = find_peaks(speed, distance=_REFRACTORY)
    if not len(peaks):
        return np.array([leads.shape[-1] // 2])
    background = np.median(speed)
    typical = np.median(np.sort(speed[peaks])[-8:])
    candidates: NDArray[np.intp] = peaks[speed[peaks] >= background + _PEAK_SHARE * (typical - background)]
    return candidates


def _aligned(leads: Signal, at: NDArray[np.intp]) -> tuple[NDArray[np.intp], Signal]:
    """Move each beat to where it fits the template best; the template is what the most typical beats share."""
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
    """Cut pieces (12, b, before + after); beyond an end the last value holds."""
    place = (at[:, None] + np.arange(-before, after)).clip(0, leads.shape[-1] - 1)
    return leads[:, place]
