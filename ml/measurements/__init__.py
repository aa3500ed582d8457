"""Measurements of an ECG: the averaged beat, its waves and axes, the rhythm, and the activity of the atria."""

from ml.measurements.beats import BEAT_SAMPLES, Beats, find_beats, limb_amplitudes, strip
from ml.measurements.measure import MEASUREMENTS, Measured, measure

__all__ = ["BEAT_SAMPLES", "MEASUREMENTS", "Beats", "Measured", "find_beats", "limb_amplitudes", "measure", "strip"]
