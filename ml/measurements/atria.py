"""Activity of the atria: a P wave before every beat, or waves that continue between and under the beats."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct, idct

from ml.measurements.beats import AFTER, BEFORE, LIMB_LEADS, RATE_HZ, Beats, Signal
from ml.measurements.waves import Beat

_SEEN_IN = {"II": 1, "aVF": 5, "V1": 6, "V2": 7}
_BANDS_HZ = (1.0, 3.0, 4.5, 6.0, 8.0, 12.0, 30.0)
_FLUTTER_HZ = (3.0, 10.0)
_NOISE_HZ = ((12.0, 20.0), (20.0, 30.0), (30.0, 38.0))


def p_waves(beats: Beats, beat: Beat) -> dict[str, Signal | float]:
    """Return log(power of the mean P wave / power of its changes from beat to beat), (12,) and over all leads."""
    before_qrs = slice(max(beat.onset - 55, 0), beat.onset - 4)
    single = beats.single[:, beats.averaged, before_qrs]
    single = single - np.median(single, axis=2, keepdims=True)
    mean = single.mean(axis=1)
    steady = np.square(mean).mean(axis=1)
    changing = np.square(single - mean[:, None]).mean(axis=(1, 2)).clip(1e-9)
    return {
        "p_steadiness": np.log(steady / changing + 1e-3),
        "p_steadiness_all": float(np.log(steady.sum() / changing.sum() + 1e-3)),
    }


def between_beats(beats: Beats, beat: Beat, interval_s: float) -> dict[str, float]:
    """Return measurements of the signal between the beats, and of the signal minus the averaged beats."""
    samples = beats.leads.shape[-1]
    quiet = _quiet(beats, interval_s)
    rest = beats.leads - _averages_in_place(beats, interval_s)
    spectrum = np.square(np.abs(np.fft.rfft(rest * np.hanning(samples), axis=-1)))
    frequency = np.fft.rfftfreq(samples, 1 / RATE_HZ)
    measured: dict[str, float] = {}
    for lead, k in _SEEN_IN.items():
        power = spectrum[k]
        everything = power[(frequency >= _BANDS_HZ[0]) & (frequency < _BANDS_HZ[-1])].sum() + 1e-9
        for low, high in pairwise(_BANDS_HZ):
            share = power[(frequency >= low) & (frequency < high)].sum() / everything
            measured[f"rest_{low:g}_hz_{lead}"] = float(share)
        flutter = power[(frequency > _FLUTTER_HZ[0]) & (frequency < _FLUTTER_HZ[1])]
        measured[f"rest_peak_{lead}"] = float(flutter.max() / (flutter.mean() + 1e-9))
        measured[f"rest_level_{lead}"] = float(np.sqrt(np.square(rest[k]).mean()) / beat.size[k])
        measured[f"quiet_level_{lead}"] = float(np.sqrt(np.square(beats.leads[k, quiet]).mean()) / beat.size[k])
        steps = np.diff(beats.leads[k])[quiet[1:]]
        measured[f"quiet_speed_{lead}"] = float(np.sqrt(np.square(steps).mean()) / beat.size[k])
    return measured


def noise(beats: Beats, beat: Beat, interval_s: float) -> dict[str, Signal]:
    """Return the noise between beats, (12,) each: log of its ratio to QRS, and to the limb leads' noise.

    Noise of muscles and electrodes has about the same size in millivolt in all leads. Z-scoring removes the size of
    QRS; the ratio of QRS to noise still holds some of it.
    """
    quiet = _quiet(beats, interval_s)
    samples = beats.leads.shape[-1]
    frequency = np.arange(samples) * RATE_HZ / 2 / samples
    coefficients = dct(beats.leads, norm="ortho", axis=-1)
    measured = {}
    for low, high in _NOISE_HZ:
        band = idct(coefficients * ((frequency > low) & (frequency < high)), norm="ortho", axis=-1)
        level = np.log(np.median(np.abs(band[:, quiet]), axis=1) + 1e-5)
        measured[f"noise_{low:g}_hz"] = level - np.log(beat.size)
        measured[f"noise_to_limb_{low:g}_hz"] = level - np.median(level[:LIMB_LEADS])
    return measured


def _quiet(beats: Beats, interval_s: float) -> NDArray[np.bool_]:
    """Return a mask, (n,), of the samples between T and the next QRS; of all samples where these are fewer than 100."""
    quiet = np.ones(beats.leads.shape[-1], bool)
    end = int(0.36 * RATE_HZ * np.sqrt(min(interval_s, 1.2)))
    for at in beats.at:
        quiet[max(at - 20, 0) : at + end] = False
    if quiet.sum() < 100:
        quiet[:] = True
    return quiet


def _averages_in_place(beats: Beats, interval_s: float) -> Signal:
    """Return a signal, (12, n), with the averaged beat at each beat, cut where the next beat begins."""
    placed = np.zeros_like(beats.leads)
    samples = placed.shape[-1]
    length = min(BEFORE + AFTER, max(int(interval_s * RATE_HZ), BEFORE + 60))
    for at in beats.at:
        first, last = max(at - BEFORE, 0), min(at - BEFORE + length, samples)
        placed[:, first:last] = beats.average[:, first - at + BEFORE : last - at + BEFORE]
    return placed
