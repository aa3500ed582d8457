"""Whether a signal can be used at all, and everything that speaks against it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ml.formats.recording import LEADS, Reason

MIN_SAMPLING_RATE_HZ = 250.0
MIN_DURATION_S = 10.0

# An R wave is below 10 mV even in hypertrophic hearts; microvolts read as millivolts give hundreds. The bound is
# on a percentile of the distance from the lead's median: a constant electrode offset (up to 300 mV in a
# DC-coupled recording, IEC 60601-2-25) and single pacing spikes are no unit error.
MAX_AMPLITUDE_MV = 50.0
_AMPLITUDE_PERCENTILE = 99.0

# What is left of a lead below this is the rounding of its own offset, or a picovolt.
_CONSTANT = 1e-9


class Unusable(Exception):
    """The signal gives no window; `reasons` says everything that is wrong, not only the first thing."""

    def __init__(self, reasons: Sequence[Reason]) -> None:
        super().__init__("; ".join(reason.detail for reason in reasons))
        self.reasons = list(reasons)


def check(
    signal_mv: NDArray[np.float64],
    sampling_rate_hz: float,
    *,
    min_sampling_rate_hz: float = MIN_SAMPLING_RATE_HZ,
    min_duration_s: float = MIN_DURATION_S,
) -> list[Reason]:
    """List every reason why a signal cannot be used (paper, section 4.1); an empty list means it can.

    Parameters
    ----------
    signal_mv
        (12, n) in mV, leads in the order of `LEADS`; NaN where nothing was recorded.
    sampling_rate_hz
        Samples per second and lead.

    Returns
    -------
    Reasons with the codes `sampling_rate_too_low`, `too_short`, `not_finite`, `constant_lead`,
    `implausible_amplitude`; the last three name the leads.
    """
    samples = _samples(signal_mv)
    reasons = []
    if not sampling_rate_hz >= min_sampling_rate_hz:  # so written, NaN is too low as well
        detail = f"sampled at {sampling_rate_hz:g} Hz, at least {min_sampling_rate_hz:g} Hz is needed"
        reasons.append(Reason("sampling_rate_too_low", detail))
    if sampling_rate_hz > 0 and samples < min_duration_s * sampling_rate_hz:
        detail = f"lasts {samples / sampling_rate_hz:.4g} s, at least {min_duration_s:g} s are needed"
        reasons.append(Reason("too_short", detail))
    if samples == 0:
        return reasons
    finite = np.logical_and.reduce(np.isfinite(signal_mv), axis=1)
    constant, implausible = np.zeros(len(LEADS), bool), np.zeros(len(LEADS), bool)
    constant[finite] = is_constant(signal_mv[finite])
    implausible[finite] = _is_implausible(signal_mv[finite])
    for code, leads, detail in (
        ("not_finite", ~finite, "missing or infinite samples in"),
        ("constant_lead", constant, "no signal (a constant) in"),
        ("implausible_amplitude", implausible, f"more than {MAX_AMPLITUDE_MV:g} mV (microvolts taken for mV?) in"),
    ):
        if leads.any():
            named = ", ".join(lead for lead, affected in zip(LEADS, leads.tolist(), strict=True) if affected)
            reasons.append(Reason(code, f"{detail} {named}"))
    return reasons


def is_constant(signal_mv: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which leads carry no signal: (leads, n) → (leads,)."""
    highest, lowest = signal_mv.max(axis=-1), signal_mv.min(axis=-1)
    offset = np.maximum(np.abs(highest), np.abs(lowest))
    constant: NDArray[np.bool_] = highest - lowest <= _CONSTANT * np.maximum(offset, 1.0)
    return constant


def _is_implausible(signal_mv: NDArray[np.float64]) -> NDArray[np.bool_]:
    implausible: NDArray[np.bool_] = np.ptp(signal_mv, axis=1) > MAX_AMPLITUDE_MV
    if implausible.any():  # the percentile costs more than all other checks together
        suspects = signal_mv[implausible]
        excursion = np.abs(suspects - np.median(suspects, axis=1, keepdims=True))
        implausible[implausible] = np.percentile(excursion, _AMPLITUDE_PERCENTILE, axis=1) > MAX_AMPLITUDE_MV
    return implausible


def _samples(signal_mv: NDArray[np.float64]) -> int:
    if signal_mv.ndim != 2 or signal_mv.shape[0] != len(LEADS):
        raise ValueError(f"a signal is ({len(LEADS)}, n), not {signal_mv.shape}")
    return int(signal_mv.shape[1])
