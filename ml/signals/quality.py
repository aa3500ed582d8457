"""Why a signal cannot be used (paper, "Preprocessing": NaN, constant leads, short or slow recordings)."""

import numpy as np
from numpy.typing import NDArray

from ml.formats.recording import LEADS, Reason

MIN_RATE_HZ = 250.0
MIN_DURATION_S = 10.0
MAX_AMPLITUDE_MV = 100.0  # no electrode on a chest sees this: microvolts were taken for millivolts


def check(signal_mv: NDArray[np.float64], sampling_rate_hz: float) -> list[Reason]:
    """Give every reason why a signal (12 × samples, mV) cannot be used; none when it can."""
    reasons = []
    if sampling_rate_hz < MIN_RATE_HZ:
        reasons.append(
            Reason("sampling_rate_too_low", f"{sampling_rate_hz:g} Hz; at least {MIN_RATE_HZ:g} Hz are needed")
        )
    duration_s = signal_mv.shape[1] / sampling_rate_hz
    if duration_s < MIN_DURATION_S:
        reasons.append(Reason("too_short", f"{duration_s:g} s; at least {MIN_DURATION_S:g} s are needed"))
    finite = np.isfinite(signal_mv)
    if not finite.all():
        reasons.append(Reason("not_finite", f"missing samples in {_names(~finite.all(axis=1))}"))
    constant = np.ptp(np.where(finite, signal_mv, 0.0), axis=1) == 0
    if constant.any():
        reasons.append(Reason("constant_lead", f"flat: {_names(constant)}"))
    loud = np.abs(np.where(finite, signal_mv, 0.0)).max(axis=1) > MAX_AMPLITUDE_MV
    if loud.any():
        reasons.append(
            Reason("implausible_amplitude", f"over {MAX_AMPLITUDE_MV:g} mV in {_names(loud)}; check the unit")
        )
    return reasons


def _names(which: NDArray[np.bool_]) -> str:
    return ", ".join(lead for lead, named in zip(LEADS, which, strict=True) if named)
