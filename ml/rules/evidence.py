"""What the rules ask of an ECG: its rhythm, one averaged beat in millivolt with the waves of each lead, and the atria.

`ml.measurements` finds and aligns the beats. They are averaged again here from the signal itself, because its smoothing
(38 Hz) hides where QRS begins and ends.
"""

import math
from functools import lru_cache

import numpy as np
from scipy.fft import dct, idct

from ml.formats.recording import LEADS
from ml.measurements import limb_amplitudes
from ml.measurements.atria import p_waves
from ml.measurements.beats import AFTER, BEFORE, LIMB_LEADS, RATE_HZ, Beats
from ml.measurements.rhythm import median_interval_s, rhythm
from ml.measurements.waves import delineate
from ml.rules.delineation import MS, Delineated, Signal, axis, delineated, p_wave
from ml.rules.flutter import flutter
from ml.rules.lead_waves import lead_waves
from ml.signals import Preprocessing
from ml.signals.zero_phase import high_pass, squared_gain

HIGH_PASS_HZ = Preprocessing().high_pass_hz


def without_baseline(signal_mv: Signal) -> Signal:
    """Return a window, (12, n) in mV at 250 Hz, without what is slower than 0.5 Hz."""
    gain = _baseline_gain(signal_mv.shape[-1])
    window: Signal = idct(dct(signal_mv, norm="ortho", axis=-1) * gain, norm="ortho", axis=-1)
    return window


@lru_cache(maxsize=8)
def _baseline_gain(samples: int) -> Signal:
    return squared_gain([high_pass(HIGH_PASS_HZ, RATE_HZ)], samples)


def evidence_of(window: Signal, beats: Beats, *, millivolts: bool) -> dict[str, float]:
    """Return what is measured of a window, (12, n ≤ 2500) at 250 Hz without baseline, and of its beats, by name.

    Without `millivolts` the leads are z-scored: the limb leads' proportions are restored, and every voltage is NaN.
    Times are in milliseconds, axes in degrees, voltages (`_mv`) in millivolt; shares are of a lead's own QRS.
    """
    leads = window
    if not millivolts:
        leads = window.copy()
        leads[:LIMB_LEADS] *= limb_amplitudes(window)[:, None]
    average = _average(leads, beats)
    interval_s = median_interval_s(beats)
    beat = delineated(average, interval_s)
    smooth = delineate(beats.average, interval_s)
    evidence = {
        **rhythm(beats),
        **{name: value for name, value in p_waves(beats, smooth).items() if isinstance(value, float)},
        "qrs_ms": (beat.offset - beat.onset) * MS,
        **_axes(beat),
        **p_wave(beat, interval_s),
        **_by_lead(beat, millivolts),
    }
    return {
        **evidence,
        "qrs_axis_clockwise": evidence["qrs_axis"] % 360,
        "sokolow_mv": evidence["s_V1_mv"] + max(evidence["r_V5_mv"], evidence["r_V6_mv"]),
        "cornell_mv": evidence["r_aVL_mv"] + evidence["s_V3_mv"],
        **flutter(leads, beats),
    }


def _average(leads: Signal, beats: Beats) -> Signal:
    """Return the median of the usual beats, (12, 250), lightly smoothed (half power at 46 Hz)."""
    at = beats.at[beats.averaged]
    place = (at[:, None] + np.arange(-BEFORE - 1, AFTER + 1)).clip(0, leads.shape[-1] - 1)
    average = np.median(leads[:, place], axis=1)
    smoothed: Signal = (average[:, :-2] + 2 * average[:, 1:-1] + average[:, 2:]) / 4
    return smoothed


def _axes(beat: Delineated) -> dict[str, float]:
    return {"qrs_axis": axis(beat.qrs.max(axis=1) + beat.qrs.min(axis=1)), "t_axis": axis(beat.t.sum(axis=1))}


def _by_lead(beat: Delineated, millivolts: bool) -> dict[str, float]:
    named: dict[str, float] = {}
    for k, lead in enumerate(LEADS):
        for name, value in lead_waves(beat, k).items():
            what, _, unit = name.rpartition("_") if name.endswith(("_mv", "_ms")) else (name, "", "")
            full = f"{what}_{lead}_{unit}" if unit else f"{what}_{lead}"
            named[full] = math.nan if unit == "mv" and not millivolts else value
    return named
