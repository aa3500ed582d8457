"""Q, R, S, R′, ST and T of one lead: voltages, durations, ratios."""

import numpy as np

from ml.rules.delineation import MS, Delineated, Signal

_LEAST = 0.03  # of the lead's QRS: what is smaller is no wave
_ST_AFTER = 15  # samples: J + 60 ms
_SMALLEST = 0.02  # of QRS, in ratios


def lead_waves(beat: Delineated, lead: int) -> dict[str, float]:
    """Return the measurements of a lead of the averaged beat.

    `_mv` are voltages, `_ms` durations. `q`, `r`, `s`, `st`, `t`, `net` (highest and lowest together) and the
    means of the first and last 40 ms are shares of the lead's QRS. A complex without R is a Q (QS) of its whole length.
    """
    qrs, t = beat.qrs[lead], beat.t[lead]
    size = max(float(np.ptp(qrs)), 1e-9)
    q = r = s = later_r = (0.0, 0.0)
    for wave in _waves(qrs, _LEAST * size):
        if wave[0] < 0:
            if not r[0]:
                q = wave
            elif wave[0] < s[0]:
                s = wave
        elif not r[0]:
            r = wave
        elif wave[0] > later_r[0]:
            later_r = wave
    st = float(beat.leads[lead, min(beat.offset + _ST_AFTER, beat.leads.shape[1] - 1)])
    t_peak = float(t[np.abs(t).argmax()])
    highest, lowest = float(qrs.max()), float(qrs.min())
    voltages = {"q": -q[0], "r": max(r[0], later_r[0]), "s": -s[0] if r[0] else -q[0], "st": st, "t": t_peak}
    return {
        **{f"{name}_mv": value for name, value in voltages.items()},
        **{name: value / size for name, value in voltages.items()},
        "q_ms": q[1],
        "r_ms": r[1],
        "s_ms": s[1],
        "q_to_r": -q[0] / max(r[0], _SMALLEST * size),
        "r_to_s": max(highest, 0.0) / max(-lowest, _SMALLEST * size),
        "net": (highest + lowest) / size,
        "r_peak_ms": float(qrs.argmax()) * MS,
        "first_40": float(beat.leads[lead, beat.onset : beat.onset + 10].mean()) / size,
        "last_40": float(beat.leads[lead, beat.offset - 9 : beat.offset + 1].mean()) / size,
    }


def _waves(qrs: Signal, least: float) -> list[tuple[float, float]]:
    """Return the height and the length in ms of each wave of QRS, in order, and neighbours of one sign as one."""
    found: list[tuple[float, float]] = []
    for piece in np.split(qrs, np.flatnonzero(np.diff(qrs >= 0)) + 1):
        height, length = float(piece[np.abs(piece).argmax()]), len(piece) * MS
        if abs(height) < least:
            continue
        if found and (found[-1][0] > 0) == (height > 0):
            before = found.pop()
            height, length = max(before[0], height, key=abs), before[1] + length
        found.append((height, length))
    return found
