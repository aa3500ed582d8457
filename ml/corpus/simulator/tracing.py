"""From the heart's vector to twelve leads.

The limb leads III, aVR, aVL and aVF follow from I and II, so Einthoven's and Goldberger's laws hold exactly.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ml.corpus.simulator.arcs import Arc
from ml.formats.recording import Recording

Signal = NDArray[np.float64]
RATE_HZ = 500.0
ADC_UNITS_PER_MV = 1000.0


def add_beat(vector: Signal, time: Signal, arcs: Iterable[Arc], *, r_wave: float, rr: float, size: float) -> None:
    """Add a beat at `r_wave` seconds to the vector, (3, samples); `rr` is the interval before it in seconds."""
    for arc in arcs:
        # T follows the rate (Bazett), QRS does not
        at = r_wave + (arc.at * np.sqrt(rr) if arc.at > 0.15 else arc.at)
        near = slice(*np.searchsorted(time, [at - 5 * arc.sd, at + 5 * arc.sd]))
        bump = size * np.exp(-0.5 * ((time[near] - at) / arc.sd) ** 2)
        vector[:, near] += np.outer([arc.x, arc.y, arc.z], bump)


def disturbances(
    time: Signal, rng: np.random.Generator, *, wander: float = 1.0, mains: float = 1.0, muscle: float = 1.0
) -> Signal:
    """Return artefacts of breathing, mains and muscle, (8, samples) in mV; 1 is a quiet patient."""
    breath = np.sin(2 * np.pi * rng.uniform(0.15, 0.35) * time + rng.uniform(0, 6))
    hum = np.sin(2 * np.pi * 50 * time + rng.uniform(0, 6))
    baseline = np.outer(rng.normal(0, 0.04 * wander, 8), breath) + np.outer(rng.normal(0, 0.004 * mains, 8), hum)
    trembling: Signal = rng.normal(0, 0.008 * muscle, (8, len(time)))
    disturbed: Signal = baseline + trembling
    return disturbed


def recorded(eight: Signal) -> Recording:
    """Return the recording of I, II and V1 to V6, (8, samples) in mV."""
    units = np.rint(eight * ADC_UNITS_PER_MV).astype(np.int32)
    one, two = units[0], units[1]
    limb = np.stack([2 * one, 2 * two, 2 * (two - one), -(one + two), 2 * one - two, 2 * two - one])
    gain = np.array([2 * ADC_UNITS_PER_MV] * 6 + [ADC_UNITS_PER_MV] * 6)  # halves of Goldberger's leads stay exact
    return Recording(np.concatenate([limb, units[2:]]).astype(np.int32), gain, RATE_HZ)
