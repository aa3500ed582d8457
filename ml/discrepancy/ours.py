"""Our measurements of a waveform that a discrepancy model reads: some of `ml.measurements`, and voltages."""

import numpy as np
from numpy.typing import NDArray

from ml.formats.recording import LEADS
from ml.measurements import MEASUREMENTS, measure
from ml.signals import Preprocessing, preprocess

_CHOSEN = (
    *("rate", "rr_rmssd", "rr_irregular", "usual_rr_rmssd", "usual_rr_memory", "unusual_beats"),
    *("qrs_ms", "qrs_ms_at_25", "qrs_t_angle"),
    *("axis_of_area", "axis_of_net", "axis_first_32_ms", "axis_last_40_ms", "axis_of_t"),
    *("net_share_I", "net_share_II", "net_share_aVL", "net_share_aVF"),
    *("p_steadiness_all", "p_steadiness_II", "p_steadiness_V1", "p_II", "p_V1"),
    *("rest_4.5_hz_V1", "rest_6_hz_V1", "rest_peak_II", "rest_peak_V1", "quiet_level_V1"),
    *("r_V1", "r_V2", "r_V3", "r_V4", "r2_V1", "s_V1", "s_V5"),
    *("q_II", "q_III", "q_aVF", "q_V2", "q_V3", "q_V4", "q_ms_III", "q_ms_aVF", "q_ms_V3"),
    *(
        "first_32_ms_V1",
        "last_40_ms_V1",
        "last_40_ms_V6",
        "r_at_ms_V6",
        "t_I",
        "t_V1",
        "t_V2",
        "t_V6",
        "st_V2",
        "st_V6",
    ),
)
_PLACES = np.array([MEASUREMENTS.index(name) for name in _CHOSEN])
_VOLTAGES = ("sokolow_lyon_mv", "cornell_mv", "r_avl_mv")
OURS = (*_CHOSEN, *_VOLTAGES)
"""Their names: those of `ml.measurements.MEASUREMENTS`, and three voltages in millivolt."""

_WINDOW_S = 10.0


def measured(signal_mv: NDArray[np.float64], sampling_rate_hz: float) -> NDArray[np.float32]:
    """Return our measurements, (len(OURS),), of the first window of a signal (12, n) in mV.

    The voltages are those of the averaged beat by Sokolow and Lyon 1949 (S in V1 and the greater R of V5 and V6) and by
    Casale 1985 (Cornell: R in aVL and S in V3). Raises `Unusable` as `ml.signals.preprocess` does.
    """
    window = preprocess(signal_mv, sampling_rate_hz, Preprocessing()).values[0]
    found = measure(window)
    return np.concatenate([found.values[_PLACES], _voltages(found.beat, window, signal_mv, sampling_rate_hz)])


def _voltages(
    beat: NDArray[np.float32], window: NDArray[np.float32], signal_mv: NDArray[np.float64], sampling_rate_hz: float
) -> NDArray[np.float32]:
    """Give the averaged beat, which is z-scored lead by lead, its millivolts back.

    The scale of a lead is the ratio of the steps of the signal to those of the window: a drifting baseline, which the
    window has no more, has none.
    """
    raw = signal_mv[:, : round(_WINDOW_S * sampling_rate_hz)]
    every = max(1, round(sampling_rate_hz / 250))
    steps_mv = np.abs(np.diff(raw[:, ::every], axis=1))
    steps = np.abs(np.diff(window, axis=1))
    scale = np.quantile(steps_mv, 0.99, axis=1) / np.maximum(np.quantile(steps, 0.99, axis=1), 1e-6)
    size = beat * scale[:, None]
    high, low = size.max(axis=1).clip(0), -size.min(axis=1).clip(max=0)
    lead = {name: place for place, name in enumerate(LEADS)}
    sokolow = low[lead["V1"]] + max(high[lead["V5"]], high[lead["V6"]])
    cornell = high[lead["aVL"]] + low[lead["V3"]]
    return np.array([sokolow, cornell, high[lead["aVL"]]], np.float32)
