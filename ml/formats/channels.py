"""From the channels that a file stores to twelve leads in millivolt: any two limb leads give the other four."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ml.formats.recording import LEADS, MAX_GAIN, MISSING, Reason, Recording, Unreadable

# Einthoven and Goldberger: each limb lead as a·I + b·II
_HALF = Fraction(1, 2)
_IN_I_AND_II = {
    "I": (Fraction(1), Fraction(0)),
    "II": (Fraction(0), Fraction(1)),
    "III": (Fraction(-1), Fraction(1)),
    "aVR": (-_HALF, -_HALF),
    "aVL": (Fraction(1), -_HALF),
    "aVF": (-_HALF, Fraction(1)),
}
_UNITS_IN_A_MILLIVOLT = {
    "v": Decimal("1e-3"),
    "mv": Decimal(1),
    "millivolts": Decimal(1),
    "uv": Decimal(1000),
    "µv": Decimal(1000),  # the micro sign
    "μv": Decimal(1000),  # the Greek letter
    "microvolts": Decimal(1000),
    "nv": Decimal(1_000_000),
    "nanovolts": Decimal(1_000_000),
}
_LARGEST = np.iinfo(np.int32).max
_SMALL_RATIO = 10_000  # numbers up to this make a ratio of gains that integers can follow exactly
_FINER = 64  # where they cannot: steps this much smaller than the finer lead's


@dataclass(frozen=True, eq=False)
class Channel:
    """One stored lead: (n,) int32 with the baseline subtracted, `MISSING` where unknown, and ADC units per mV (> 0).

    `is_calibrated`: false where the file gives no gain, and a usual one is taken.
    """

    samples: NDArray[np.int32]
    gain: float
    is_calibrated: bool = True

    @classmethod
    def of(cls, samples: NDArray[np.int32], gain: float, sign: int, *, is_calibrated: bool = True) -> "Channel":
        """Return a channel with a positive gain; a negative gain or sign turns the samples upside down."""
        if gain * sign > 0:
            return cls(samples, abs(gain), is_calibrated)
        return cls(np.where(samples == MISSING, samples, -samples), abs(gain), is_calibrated)


class BadLead(ValueError):
    """A lead cannot be read; `reason` says why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = Reason(code, detail)


@dataclass(frozen=True)
class Stored:
    """The leads of a record as they are found in its files, and what is wrong with them."""

    leads: dict[str, Channel] = field(default_factory=dict)
    reasons: list[Reason] = field(default_factory=list)

    def add(self, lead: str, channel: Channel) -> None:
        """Add a lead; a second one of the name is a reason not to read the record."""
        if lead in self.leads:
            self.reasons.append(Reason("duplicate_lead", f"lead {lead} is in the record twice"))
        self.leads[lead] = channel

    def recording(self, sampling_rate_hz: float) -> Recording:
        """Return the twelve leads. Raises `Unreadable` with every reason."""
        lengths = {len(channel.samples) for channel in self.leads.values()}
        unequal = [Reason("unequal_lengths", "the leads have different lengths")] if len(lengths) > 1 else []
        if reasons := self.reasons + unequal:
            raise Unreadable(reasons)
        scale_known = all(channel.is_calibrated for channel in self.leads.values())
        return Recording(*twelve_leads(self.leads), sampling_rate_hz, scale_known)


def units_in_a_millivolt(unit: str) -> Decimal | None:
    """Return how many of a unit make a millivolt: 1000 for `uV`; None for what is no unit of voltage."""
    return _UNITS_IN_A_MILLIVOLT.get(unit.lower())


def twelve_leads(stored: Mapping[str, Channel]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return the samples, (12, n) int32, and gains, (12,) ADC units per mV, in the order of `LEADS`.

    Raises `Unreadable` with the names of the leads that are missing and do not follow from two limb leads.
    """
    leads = {**_derived(stored), **stored}
    if missing := [lead for lead in LEADS if lead not in leads]:
        raise Unreadable([Reason("missing_leads", f"missing leads: {', '.join(missing)}")])
    return np.stack([leads[lead].samples for lead in LEADS]), np.array([leads[lead].gain for lead in LEADS])


def at_one_gain(channels: Sequence[Channel]) -> tuple[list[NDArray[np.int32]], float]:
    """Return the samples of pieces of one lead in the same ADC units, and how many of those make a millivolt.

    Exact where the ratios of the gains are ones of small integers.
    """
    first = channels[0].gain
    if all(channel.gain == first for channel in channels):
        return [channel.samples for channel in channels], first
    ratios = [Fraction(channel.gain / first).limit_denominator(_SMALL_RATIO) for channel in channels]
    scale = math.lcm(*(ratio.numerator or 1 for ratio in ratios))
    exact = all(math.isclose(ratio, c.gain / first, rel_tol=1e-12) for ratio, c in zip(ratios, channels, strict=True))
    known = [np.where(channel.samples == MISSING, 0, channel.samples).astype(np.int64) for channel in channels]
    largest = max(
        float(np.abs(samples).max(initial=0)) / channel.gain for samples, channel in zip(known, channels, strict=True)
    )
    gain = scale * first
    if not exact or gain > MAX_GAIN or largest * gain > _LARGEST:
        gain = min(_FINER * max(channel.gain for channel in channels), _LARGEST / max(largest, 1e-9))
    pieces = []
    for channel, samples in zip(channels, known, strict=True):
        scaled = np.rint(samples * (gain / channel.gain))
        pieces.append(np.where(channel.samples == MISSING, MISSING, scaled).astype(np.int32))
    return pieces, gain


def _derived(stored: Mapping[str, Channel]) -> dict[str, Channel]:
    """Return the limb leads that are not stored, where two are."""
    known = [lead for lead in _IN_I_AND_II if lead in stored]
    if len(known) < 2:
        return {}
    one, two = known[:2]
    (a, b), (c, d) = _IN_I_AND_II[one], _IN_I_AND_II[two]
    determinant = a * d - b * c
    derived = {}
    for lead, (x, y) in _IN_I_AND_II.items():
        if lead not in stored:
            of_one, of_two = (x * d - y * c) / determinant, (a * y - b * x) / determinant
            derived[lead] = _combined(stored[one], of_one, stored[two], of_two)
    return derived


def _combined(one: Channel, of_one: Fraction, two: Channel, of_two: Fraction) -> Channel:
    """Return `of_one · one + of_two · two`: exact where the ratio of their gains is one of small integers."""
    unknown = (one.samples == MISSING) | (two.samples == MISSING)
    first, second = (np.where(unknown, 0, channel.samples).astype(np.int64) for channel in (one, two))
    ratio = Fraction(one.gain / two.gain).limit_denominator(_SMALL_RATIO)
    of_second = of_two * ratio
    scale = math.lcm(of_one.denominator, of_second.denominator)
    factors = int(of_one * scale), int(of_second * scale)
    largest = sum(abs(factor) * int(np.abs(x).max()) for factor, x in zip(factors, (first, second), strict=True))
    if math.isclose(ratio, one.gain / two.gain, rel_tol=1e-12) and largest <= _LARGEST:
        combined, gain = factors[0] * first + factors[1] * second, scale * one.gain
    else:
        signal_mv = float(of_one) * first / one.gain + float(of_two) * second / two.gain
        gain = min(_FINER * max(one.gain, two.gain), _LARGEST / max(float(np.abs(signal_mv).max()), 1e-9))
        combined = np.rint(signal_mv * gain).astype(np.int64)
    return Channel(np.where(unknown, MISSING, combined).astype(np.int32), gain)
