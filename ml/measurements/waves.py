"""The waves of the averaged beat, lead by lead, and their axes in the frontal plane."""

from dataclasses import dataclass

import numpy as np

from ml.measurements.beats import AFTER, BEFORE, LIMB_LEADS, RATE_HZ, Signal

MS = 1000 / RATE_HZ  # a sample
_QRS_SHARE = 0.12  # of the peak spatial velocity: where QRS begins and ends
_P_FROM, _P_TO = 55, 3  # samples before QRS
_EDGE = 8  # samples: the first 32 ms of QRS
_LATE = 10
_LEAD_I, _AVF = 0, 5
_I, _II, _AVL = 0, 1, 4


@dataclass(frozen=True, eq=False)
class Beat:
    """The averaged beat with its landmarks.

    Attributes
    ----------
    leads
        (12, 250), minus the level just before QRS.
    velocity
        (250,) speed of change of the twelve leads together.
    onset, offset
        First and last sample of QRS.
    t_end
        Sample before which T has ended.
    """

    leads: Signal
    velocity: Signal
    onset: int
    offset: int
    t_end: int

    @property
    def qrs(self) -> Signal:
        """The QRS complex, (12, k)."""
        return self.leads[:, self.onset : self.offset + 1]

    @property
    def t(self) -> Signal:
        """The T wave, (12, k)."""
        return self.leads[:, min(self.offset + 8, self.t_end - 10) : self.t_end]

    @property
    def size(self) -> Signal:
        """Peak-to-peak of QRS, (12,)."""
        size: Signal = np.ptp(self.qrs, axis=1).clip(1e-6)
        return size


def delineate(average: Signal, interval_s: float) -> Beat:
    """Return an averaged beat, (12, 250), with QRS and T found; `interval_s` is the RR interval."""
    velocity = np.sqrt(np.square(np.gradient(average, axis=1)).sum(axis=0))
    velocity = np.convolve(velocity, [0.25, 0.5, 0.25], "same")
    peak = BEFORE - 35 + int(velocity[BEFORE - 35 : BEFORE + 35].argmax())
    background = np.quantile(velocity[BEFORE - 40 : BEFORE + 80], 0.2)
    moves = velocity > background + _QRS_SHARE * (velocity[peak] - background)
    onset, offset = peak, peak
    while onset > BEFORE - 45 and moves[onset - 3 : onset].any():  # a notch of two samples does not end QRS
        onset -= 1
    while offset < BEFORE + 55 and moves[offset + 1 : offset + 4].any():
        offset += 1
    level = np.median(average[:, onset - 6 : onset - 1], axis=1, keepdims=True)
    return Beat(average - level, velocity, onset, offset, max(end_of_t(interval_s), BEFORE + 20))


def end_of_t(interval_s: float) -> int:
    """Return the sample of an averaged beat before which T has ended; `interval_s` is the RR interval."""
    longest = 0.42 * np.sqrt(min(interval_s, 1.2))  # Bazett, and before the next P
    return BEFORE + int(RATE_HZ * min(longest, 0.62 * interval_s, (AFTER - 1) / RATE_HZ))


def durations(beat: Beat) -> dict[str, float]:
    """Return QRS durations in milliseconds, at several levels of the spatial velocity."""
    measured = {"qrs_ms": (beat.offset - beat.onset) * MS}
    near = beat.velocity[BEFORE - 40 : BEFORE + 50]
    background = np.quantile(beat.velocity[BEFORE - 40 : BEFORE + 80], 0.2)
    for percent in (6, 25, 50):
        above = np.flatnonzero(near > background + percent / 100 * (near.max() - background))
        measured[f"qrs_ms_at_{percent}"] = float(above[-1] - above[0]) * MS if len(above) else 0.0
        measured[f"qrs_fast_ms_at_{percent}"] = len(above) * MS
    return measured


def waves(beat: Beat) -> dict[str, Signal]:
    """Return measurements of each lead, (12,) each. All amplitudes but `size` are relative to the lead's QRS."""
    leads, qrs, t, size = beat.leads, beat.qrs, beat.t, beat.size
    every = np.arange(len(qrs))
    at_r = qrs.argmax(axis=1)
    after_r = np.arange(qrs.shape[1]) >= at_r[:, None]
    at_s = np.where(after_r, qrs, np.inf).argmin(axis=1)
    s = qrs[every, at_s]
    after_s = np.arange(qrs.shape[1]) >= at_s[:, None]
    t_peak = t[every, np.abs(t).argmax(axis=1)]
    p = leads[:, max(beat.onset - _P_FROM, 0) : beat.onset - _P_TO]
    p = p - np.median(p, axis=1, keepdims=True)
    limb_level = np.sqrt(np.square(qrs[:LIMB_LEADS]).mean())
    shares = {
        "r": qrs.max(axis=1).clip(0),
        "q": np.minimum.accumulate(qrs, axis=1)[every, at_r].clip(max=0),
        "s": s.clip(max=0),
        "r2": np.where(after_s, qrs, -np.inf).max(axis=1).clip(0),
        "net": qrs.max(axis=1) + qrs.min(axis=1),
        "first_32_ms": leads[:, beat.onset : beat.onset + _EDGE].mean(axis=1),
        "next_28_ms": leads[:, beat.onset + 5 : beat.onset + 12].mean(axis=1),
        "last_40_ms": leads[:, beat.offset - _LATE + 1 : beat.offset + 1].mean(axis=1),
        "j": leads[:, beat.offset + 1],
        "st": leads[:, beat.offset + 14],
        "t": t_peak,
        "t_highest": t.max(axis=1),
        "t_lowest": t.min(axis=1),
        "t_mean": t.mean(axis=1),
        "p": p[every, np.abs(p).argmax(axis=1)],
        "p_mean": np.abs(p).mean(axis=1),
    }
    times = {
        "r_at_ms": at_r * MS,
        "lowest_at_ms": qrs.argmin(axis=1) * MS,
        "q_ms": ((qrs < -0.03 * size[:, None]) & ~after_r).sum(axis=1) * MS,
        "qrs_area_ms": np.abs(qrs).sum(axis=1) / size * MS,
    }
    turns = (np.diff(np.sign(np.diff(qrs, axis=1)), axis=1) != 0).sum(axis=1)
    return {
        "size": np.concatenate([size[:LIMB_LEADS] / max(limb_level, 1e-6), size[LIMB_LEADS:]]),
        "area": qrs.sum(axis=1) / np.abs(qrs).sum(axis=1).clip(1e-9),
        "turns": turns.astype(np.float64),
        **times,
        **{name: value / size for name, value in shares.items()},
    }


def axes(beat: Beat) -> dict[str, float]:
    """Return frontal axes in degrees (0 is left, 90 is down), and sine and cosine of each QRS axis."""
    leads, qrs = beat.leads, beat.qrs
    net = qrs.max(axis=1) + qrs.min(axis=1)
    longest = int((np.square(qrs[_LEAD_I]) + np.square(qrs[_AVF]) * 4 / 3).argmax())
    measured = {
        "axis_of_area": _axis(qrs.sum(axis=1)),
        "axis_of_net": _axis(net),
        "axis_of_peak": _axis(qrs[:, longest]),
        "axis_first_32_ms": _axis(leads[:, beat.onset : beat.onset + _EDGE].sum(axis=1)),
        "axis_last_40_ms": _axis(leads[:, beat.offset - _LATE + 1 : beat.offset + 1].sum(axis=1)),
        "axis_of_t": _axis(beat.t.sum(axis=1)),
    }
    for name in ("axis_of_area", "axis_of_net", "axis_of_peak"):
        measured[f"{name}_sine"] = float(np.sin(np.deg2rad(measured[name])))
        measured[f"{name}_cosine"] = float(np.cos(np.deg2rad(measured[name])))
    turn = (measured["axis_of_area"] - measured["axis_of_t"] + 180) % 360 - 180
    greatest = np.abs(net[:LIMB_LEADS]).max().clip(1e-9)
    shares = {f"net_share_{name}": float(net[k] / greatest) for name, k in (("I", _I), ("II", _II), ("aVL", _AVL))}
    return {**measured, "qrs_t_angle": abs(turn), **shares, "net_share_aVF": float(net[_AVF] / greatest)}


def _axis(leads: Signal) -> float:
    """Return the frontal axis of the twelve leads' values; aVF times 2/√3 has the length of I."""
    return float(np.degrees(np.arctan2(leads[_AVF] * 2 / np.sqrt(3), leads[_LEAD_I])))
