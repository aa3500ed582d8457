"""Where QRS, P and T of the averaged beat begin and end."""

import numpy as np

from ml.measurements.beats import BEFORE, LIMB_LEADS, RATE_HZ, Signal
from ml.measurements.waves import MS, Beat, axis, end_of_t, extent, levelled, speed

# QRS and PR then come out as devices of Philips, GE and Mortara give them
_ONSET_SHARE = 0.025  # of the greatest spatial velocity, above the level between P and QRS
_OFFSET_SHARE = 0.05  # and above the level of ST
ST_AFTER = 15  # samples: J + 60 ms
_QUIET = 4  # samples in a row: a notch of 12 ms does not end QRS
_LONGEST_BEFORE, _LONGEST_AFTER = 40, 50  # samples
_P_SEARCHED = 80
_P_SHARE = 0.2  # of the height of P: where it begins and ends
_II = 1


def delineated(average: Signal, interval_s: float) -> Beat:
    """Return an averaged beat, (12, 250), with its landmarks; `interval_s` is the RR interval. T is from J + 60 ms."""
    velocity = speed(average)
    peak = BEFORE - 30 + int(velocity[BEFORE - 30 : BEFORE + 30].argmax())
    before = velocity > _level(velocity[BEFORE - 45 : BEFORE - 10], velocity[peak], _ONSET_SHARE)
    after = velocity > _level(velocity[peak + 10 : peak + 60], velocity[peak], _OFFSET_SHARE)
    bounds = peak - _LONGEST_BEFORE, peak + _LONGEST_AFTER
    onset, offset = extent(peak, (before, after), bounds, quiet=_QUIET)
    t_end = max(end_of_t(interval_s), offset + 20)
    return Beat(levelled(average, onset), velocity, onset, offset, min(offset + ST_AFTER, t_end - 10), t_end)


def _level(quiet: Signal, peak: float, share: float) -> float:
    background = float(np.quantile(quiet, 0.2))
    return background + share * (float(peak) - background)


def p_wave(beat: Beat, interval_s: float) -> dict[str, float]:
    """Return PR in ms and the axis of P in degrees, wherever P would be, and its mean height in II relative to QRS."""
    first = max(beat.onset - min(_P_SEARCHED, int(0.45 * interval_s * RATE_HZ)), 0)
    before_qrs = beat.leads[:, first : beat.onset - 2]
    before_qrs = before_qrs - np.median(before_qrs, axis=1, keepdims=True)
    height = np.convolve(np.sqrt(np.square(before_qrs[:LIMB_LEADS]).sum(axis=0)), np.ones(5) / 5, "same")
    skipped = len(height) // 8  # the end of the T wave before
    begin = end = skipped + int(height[skipped:].argmax())
    wave = height > _P_SHARE * height[begin]
    while begin > 0 and wave[begin - 1]:
        begin -= 1
    while end < len(height) - 1 and wave[end + 1]:
        end += 1
    mean = before_qrs[:, begin : end + 1].mean(axis=1)
    return {
        "pr_ms": (beat.onset - first - begin) * MS,
        "p_axis": axis(mean),
        "p_share_II": float(mean[_II] / np.ptp(beat.qrs[_II]).clip(1e-9)),
    }
