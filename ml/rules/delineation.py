"""Where QRS, P and T of the averaged beat begin and end."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.measurements.beats import BEFORE, LIMB_LEADS, RATE_HZ
from ml.measurements.waves import end_of_t

Signal = NDArray[np.float64]
MS = 1000 / RATE_HZ  # a sample

# QRS and PR then come out as devices of Philips, GE and Mortara give them
_ONSET_SHARE = 0.025  # of the greatest spatial velocity, above the level between P and QRS
_OFFSET_SHARE = 0.05  # and above the level of ST
_QUIET = 4  # samples in a row: a notch of 12 ms does not end QRS
_LONGEST_BEFORE, _LONGEST_AFTER = 40, 50  # samples
_P_SEARCHED = 80
_P_SHARE = 0.2  # of the height of P: where it begins and ends
_I, _II, _AVF = 0, 1, 5


@dataclass(frozen=True, eq=False)
class Delineated:
    """The averaged beat and its landmarks.

    Attributes
    ----------
    leads
        (12, 250), minus the level just before QRS.
    onset, offset
        First and last sample of QRS.
    t_end
        Sample before which T has ended.
    """

    leads: Signal
    onset: int
    offset: int
    t_end: int

    @property
    def qrs(self) -> Signal:
        """The QRS complex, (12, k)."""
        return self.leads[:, self.onset : self.offset + 1]

    @property
    def t(self) -> Signal:
        """The T wave, (12, k), from 60 ms after QRS."""
        return self.leads[:, min(self.offset + 15, self.t_end - 10) : self.t_end]


def delineated(average: Signal, interval_s: float) -> Delineated:
    """Return an averaged beat, (12, 250), with its landmarks; `interval_s` is the RR interval."""
    velocity = np.sqrt(np.square(np.gradient(average, axis=1)).sum(axis=0))
    peak = BEFORE - 30 + int(velocity[BEFORE - 30 : BEFORE + 30].argmax())
    moves = velocity > _level(velocity[BEFORE - 45 : BEFORE - 10], velocity[peak], _ONSET_SHARE)
    onset = peak
    while onset > peak - _LONGEST_BEFORE and moves[onset - _QUIET : onset].any():
        onset -= 1
    moves = velocity > _level(velocity[peak + 10 : peak + 60], velocity[peak], _OFFSET_SHARE)
    offset = peak
    while offset < peak + _LONGEST_AFTER and moves[offset + 1 : offset + 1 + _QUIET].any():
        offset += 1
    baseline = np.median(average[:, onset - 6 : onset - 1], axis=1, keepdims=True)
    return Delineated(average - baseline, onset, offset, max(end_of_t(interval_s), offset + 20))


def _level(quiet: Signal, peak: float, share: float) -> float:
    background = float(np.quantile(quiet, 0.2))
    return background + share * (float(peak) - background)


def p_wave(beat: Delineated, interval_s: float) -> dict[str, float]:
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


def axis(leads: Signal) -> float:
    """Return the frontal axis of the twelve leads' values in degrees; aVF times 2/√3 has the length of I."""
    return float(np.degrees(np.arctan2(leads[_AVF] * 2 / np.sqrt(3), leads[_I])))
