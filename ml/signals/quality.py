"""Whether a signal can be used at all, and every reason why not."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ml.formats.recording import LEADS, Reason

MIN_SAMPLING_RATE_HZ = 250.0
MIN_DURATION_S = 10.0

# An R wave is below 10 mV even in hypertrophic hearts; microvolts taken for millivolts give hundreds. The upper bound
# is on a percentile of the distance from the lead's median: a constant electrode offset (up to 300 mV in a DC-coupled
# recording, IEC 60601-2-25) and single pacing spikes are no unit error. Volts taken for millivolts give leads of a
# few microvolts, less than a recorder's noise; one lead may be that small, all twelve may not.
MAX_AMPLITUDE_MV = 50.0
MIN_AMPLITUDE_MV = 0.02  # peak to peak, in at least one lead
_AMPLITUDE_PERCENTILE = 99.0

# A lead that moves less than this, relative to its offset or to 1 mV, only shows rounding errors.
_CONSTANT = 1e-9


class Unusable(Exception):
    """No window can be made of the signal; `reasons` holds everything that is wrong, not only the first thing."""

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
    """Return every reason why a signal cannot be used (paper, section 4.1); none means that it can.

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
    if not sampling_rate_hz >= min_sampling_rate_hz:  # true for NaN as well
        detail = f"sampled at {sampling_rate_hz:g} Hz, at least {min_sampling_rate_hz:g} Hz is needed"
        reasons.append(Reason("sampling_rate_too_low", detail))
    if sampling_rate_hz > 0 and samples < min_duration_s * sampling_rate_hz:
        detail = f"lasts {samples / sampling_rate_hz:.4g} s, at least {min_duration_s:g} s are needed"
        reasons.append(Reason("too_short", detail))
    if samples == 0:
        return reasons
    not_finite, constant, too_large = [], [], []
    for lead, lead_mv in zip(LEADS, signal_mv, strict=True):  # one at a time: a day of Holter is not copied
        if not np.isfinite(lead_mv).all():
            not_finite.append(lead)
        elif is_constant(lead_mv):
            constant.append(lead)
        elif _is_too_large(lead_mv):
            too_large.append(lead)
    for code, leads, detail in (
        ("not_finite", not_finite, "missing or infinite samples in"),
        ("constant_lead", constant, "no signal (a constant) in"),
        ("implausible_amplitude", too_large, f"more than {MAX_AMPLITUDE_MV:g} mV (microvolts taken for mV?) in"),
    ):
        if leads:
            reasons.append(Reason(code, f"{detail} {', '.join(leads)}"))
    if not reasons and _is_too_small(signal_mv):
        detail = f"less than {MIN_AMPLITUDE_MV:g} mV from peak to peak (volts taken for mV?) in all leads"
        reasons.append(Reason("implausible_amplitude", detail))
    return reasons


def has_signal(window_mv: NDArray[np.float64]) -> bool:
    """Return whether a window, (12, n) in mV, can be standardised: no lead is constant, and not all are too small."""
    return not is_constant(window_mv).any() and not _is_too_small(window_mv)


def is_constant(signal: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return which leads carry no signal: (…, n) → (…)."""
    highest, lowest = signal.max(axis=-1), signal.min(axis=-1)
    offset = np.maximum(np.abs(highest), np.abs(lowest))
    constant: NDArray[np.bool_] = highest - lowest <= _CONSTANT * np.maximum(offset, 1.0)
    return constant


def _is_too_small(signal_mv: NDArray[np.float64]) -> bool:
    return bool((signal_mv.max(axis=-1) - signal_mv.min(axis=-1) < MIN_AMPLITUDE_MV).all())


def _is_too_large(lead_mv: NDArray[np.float64]) -> bool:
    if np.ptp(lead_mv) <= MAX_AMPLITUDE_MV:  # the percentile costs more than all other checks together
        return False
    excursion = np.abs(lead_mv - np.median(lead_mv))
    return bool(np.percentile(excursion, _AMPLITUDE_PERCENTILE) > MAX_AMPLITUDE_MV)


def _samples(signal_mv: NDArray[np.float64]) -> int:
    if signal_mv.ndim != 2 or signal_mv.shape[0] != len(LEADS):
        raise ValueError(f"a signal is ({len(LEADS)}, n), not {signal_mv.shape}")
    return int(signal_mv.shape[1])
