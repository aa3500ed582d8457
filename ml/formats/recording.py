"""The canonical form of one recording, of any file format."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")

MAX_SAMPLES = 24 * 3600 * 1000  # of a lead: a day at 1 kHz
MAX_RATE_HZ = 100_000.0
MIN_GAIN, MAX_GAIN = 1e-6, 1e12  # ADC units per millivolt

MISSING = np.iinfo(np.int32).min  # a sample the file marks as not recorded


@dataclass(frozen=True)
class Reason:
    """Why something cannot be used: a stable code for programs and a sentence for people."""

    code: str
    detail: str


class Unreadable(Exception):
    """The bytes hold no 12-lead recording; `reasons` holds everything that is wrong, not only the first thing."""

    def __init__(self, reasons: Sequence[Reason]) -> None:
        super().__init__("; ".join(reason.detail for reason in reasons))
        self.reasons = list(reasons)


def unreadable(code: str, detail: str) -> Unreadable:
    """Return the exception of a single reason."""
    return Unreadable([Reason(code, detail)])


@dataclass(frozen=True, eq=False)
class Recording:
    """A 12-lead recording without loss: integers, and how many of them make a millivolt.

    Attributes
    ----------
    samples
        (12, n) int32 in the order of `LEADS`, with the baseline subtracted; `MISSING` where nothing was recorded.
    gain
        (12,) float64, ADC units per millivolt.
    sampling_rate_hz
        Samples per second and lead.
    scale_known
        False where the file says that its amplitudes are not calibrated: the gain is then a usual one, and nothing may
        be measured in millivolt.
    """

    samples: NDArray[np.int32]
    gain: NDArray[np.float64]
    sampling_rate_hz: float
    scale_known: bool = True

    def millivolts(self) -> NDArray[np.float64]:
        """Return the signal, (12, n), in mV; NaN where nothing was recorded."""
        signal = self.samples / self.gain[:, None]
        signal[self.samples == MISSING] = np.nan
        return signal

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return float(self.samples.shape[1] / self.sampling_rate_hz)
