"""Flutter waves: a steady saw-tooth of 200 to 400 a minute, which QRS and T hide."""

import numpy as np

from ml.measurements.beats import RATE_HZ, Beats, Signal

_LEADS = (1, 2, 5, 6)  # II, III, aVF, V1
_WAVES_HZ = (3.3, 6.5)
_ALL_HZ = (1.0, 15.0)
_NEAR_HZ = 0.3
_BEFORE, _AFTER = 12, 22  # samples around the middle of QRS


def flutter(leads: Signal, beats: Beats) -> dict[str, float]:
    """Return the rate of the strongest waves, a minute, and the greatest share that they and their double have.

    The share is of the power between 1 and 15 Hz of a lead, in which each QRS is bridged by a straight line.
    """
    samples = leads.shape[-1]
    rest = leads[list(_LEADS)].copy()
    for at in beats.at:
        first, last = max(int(at) - _BEFORE, 0), min(int(at) + _AFTER, samples - 1)
        if last > first:
            rest[:, first : last + 1] = np.linspace(rest[:, first], rest[:, last], last - first + 1, axis=1)
    power = np.square(np.abs(np.fft.rfft(rest * np.hanning(samples), n=4 * samples, axis=1)))
    frequency = np.fft.rfftfreq(4 * samples, 1 / RATE_HZ)
    everything = power[:, (frequency >= _ALL_HZ[0]) & (frequency < _ALL_HZ[1])].sum(axis=1).clip(1e-12)
    among = np.flatnonzero((frequency > _WAVES_HZ[0]) & (frequency < _WAVES_HZ[1]))
    best_share, best_hz = 0.0, 0.0
    for lead, whole in zip(power, everything, strict=True):
        peak = frequency[among[lead[among].argmax()]]
        near = (np.abs(frequency - peak) < _NEAR_HZ) | (np.abs(frequency - 2 * peak) < _NEAR_HZ)
        share = float(lead[near].sum() / whole)
        if share > best_share:
            best_share, best_hz = share, float(peak)
    return {"flutter_share": best_share, "flutter_rate": best_hz * 60}
