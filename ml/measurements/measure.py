"""All measurements of a window, in one fixed order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.formats.recording import LEADS
from ml.measurements.atria import between_beats, noise, p_waves
from ml.measurements.beats import BEAT_SAMPLES, BEFORE, LIMB_LEADS, Beats, find_beats
from ml.measurements.rhythm import median_interval_s, rhythm
from ml.measurements.waves import axes, delineate, durations, waves


@dataclass(frozen=True, eq=False)
class Measured:
    """A window's measurements, its averaged beat, and its beats.

    Attributes
    ----------
    values
        (len(MEASUREMENTS),) float32.
    beat
        (12, 250) float32, the averaged beat.
    beats
        What both were measured of.
    """

    values: NDArray[np.float32]
    beat: NDArray[np.float32]
    beats: Beats


def measure(window: NDArray[Any]) -> Measured:
    """Return the measurements of a window, (12, n) at 250 Hz, z-scored lead by lead; n is at most 2500."""
    beats = find_beats(window)
    named, beat = _named(beats)
    return Measured(np.array(list(named.values()), np.float32), beat.astype(np.float32), beats)


def _named(beats: Beats) -> tuple[dict[str, float], NDArray[np.float64]]:
    interval_s = median_interval_s(beats)
    beat = delineate(beats.average, interval_s)
    everything: dict[str, Any] = {
        **rhythm(beats),
        **durations(beat),
        **waves(beat),
        **axes(beat),
        **p_waves(beats, beat),
        **between_beats(beats, beat, interval_s),
        **noise(beats, beat, interval_s),
        "amplitude": beats.leads[:LIMB_LEADS].std(axis=-1),
    }
    return _flat(everything), beat.leads


def _flat(everything: Mapping[str, Any]) -> dict[str, float]:
    named: dict[str, float] = {}
    for name, value in everything.items():
        if np.ndim(value):
            named |= {f"{name}_{lead}": float(each) for lead, each in zip(LEADS[: len(value)], value, strict=True)}
        else:
            named[name] = float(value)
    return named


def _beats_of_noise() -> Beats:
    leads = np.random.default_rng(0).standard_normal((len(LEADS), 10 * BEAT_SAMPLES))
    single = leads.reshape(len(LEADS), 10, BEAT_SAMPLES)
    at = BEFORE + BEAT_SAMPLES * np.arange(10)
    return Beats(leads, at, np.ones(10), single, np.ones(10, bool), single.mean(axis=1))


MEASUREMENTS = tuple(_named(_beats_of_noise())[0])
"""Names of `Measured.values`, in the same order."""
