"""Decimal numbers that give the stored binary ones back, bit for bit."""

from collections.abc import Iterator
from decimal import Decimal, localcontext
from typing import NamedTuple

LONGEST_DS = 16  # characters of a decimal string (DICOM PS3.5, 6.2)
MOST_DIGITS = 18  # of a decimal number of FHIR R4
TRIES = 2_000  # pairs of factors; about one of three fits

MICROVOLTS = Decimal(1000)


class NotExact(ValueError):
    """A number cannot be written in this format so that the same number is read again."""


def reciprocal(value: float, of: Decimal = MICROVOLTS) -> Decimal:
    """Return the shortest d with `float(of / d) == value`: µV a step of a gain, ms between samples of a rate."""
    exact = of / Decimal(value)
    for digits in range(1, MOST_DIGITS + 1):
        rounded = _rounded(exact, digits)
        if float(of / rounded) == value:
            return rounded
    raise NotExact(f"{value!r} has no decimal of {MOST_DIGITS} digits")


class Factors(NamedTuple):
    """A number as the product of two decimal strings of DICOM."""

    sensitivity: str
    correction: str


def factors(gain: float) -> Factors:
    """Return microvolts a step as sensitivity and correction factor, whose product gives the gain back."""
    size = reciprocal(gain)
    if (alone := decimal_string(size)) is not None:
        return Factors(alone, "1")
    for sensitivity in _near(size):
        correction = next((each for each in _strings(size / sensitivity)), None)
        written = decimal_string(sensitivity)
        if correction is None or written is None:
            continue
        if float(MICROVOLTS / (Decimal(written) * Decimal(correction))) == gain:
            return Factors(written, correction)
    raise NotExact(f"a gain of {gain!r} has no sensitivity of {LONGEST_DS} characters")


def decimal_string(value: Decimal) -> str | None:
    """Return a number in the 16 characters of a decimal string, exactly; None where it takes more."""
    plain = value.normalize()
    written = (format(plain, "f"), str(plain))
    return next((each for each in written if len(each) <= LONGEST_DS), None)


def _near(size: Decimal) -> Iterator[Decimal]:
    """Yield short numbers near another one: each has another nearest partner."""
    start = _rounded(size, 6)
    step = Decimal(1).scaleb(start.adjusted() - 6)
    for number in range(TRIES):
        yield start + step * number


def _strings(value: Decimal) -> Iterator[str]:
    """Yield a number in 16 characters, the most exact one first."""
    for digits in range(LONGEST_DS - 1, 0, -1):
        if (written := decimal_string(_rounded(value, digits))) is not None:
            yield written


def _rounded(value: Decimal, digits: int) -> Decimal:
    with localcontext() as context:
        context.prec = digits
        return +value
