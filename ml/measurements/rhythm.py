"""Regularity of the beats."""

import numpy as np

from ml.measurements.beats import LIKE, RATE_HZ, Beats, Signal


def median_interval_s(beats: Beats) -> float:
    """Return the median RR interval; 1 s where there are fewer than two beats."""
    return float(np.median(_intervals_s(beats)))


def rhythm(beats: Beats) -> dict[str, float]:
    """Return rate and irregularity; all values but the rate are relative to the median interval."""
    intervals = _intervals_s(beats)
    median = float(np.median(intervals))
    steps = np.abs(np.diff(intervals))
    usual = beats.likeness > LIKE
    # an interval that begins or ends with an unusual beat (an extrasystole) does not show the underlying rhythm
    between_usual = usual[1:] & usual[:-1]
    kept = intervals[between_usual] if between_usual.sum() >= 3 and len(between_usual) == len(intervals) else intervals
    kept_steps = np.abs(np.diff(kept))
    return {
        "rate": 60 / median,
        "rr_deviation": float(intervals.std() / intervals.mean()),
        "rr_rmssd": float(np.sqrt(np.square(steps).mean()) / median),
        "rr_median_distance": float(np.median(np.abs(intervals - median)) / median),
        "rr_median_step": float(np.median(steps) / median),
        "rr_irregular": float((steps > 0.1 * median).mean()),
        "rr_longest": float(intervals.max() / median),
        "rr_shortest": float(intervals.min() / median),
        "rr_quarter": float(np.quantile(intervals, 0.25) / median),
        "rr_three_quarters": float(np.quantile(intervals, 0.75) / median),
        "usual_rr_deviation": float(kept.std() / kept.mean()),
        "usual_rr_rmssd": float(np.sqrt(np.square(kept_steps).mean()) / np.median(kept)),
        "usual_rr_median_step": float(np.median(kept_steps) / np.median(kept)),
        "usual_rr_memory": _lag_one_correlation(kept),
        "unusual_beats": float((~usual).mean()),
        "median_likeness": float(np.median(beats.likeness)),
        "least_likeness": float(beats.likeness.min()),
        "beats_in_10_s": len(beats.at) * 10 * RATE_HZ / beats.leads.shape[-1],
    }


def _intervals_s(beats: Beats) -> Signal:
    intervals = np.diff(beats.at) / RATE_HZ
    if not len(intervals):
        intervals = np.ones(1)
    return intervals if len(intervals) > 1 else np.repeat(intervals, 3)


def _lag_one_correlation(intervals: Signal) -> float:
    first, second = intervals[:-1], intervals[1:]
    if len(first) < 3 or min(first.std(), second.std()) < 1e-6:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])
