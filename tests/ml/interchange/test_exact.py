"""Decimal numbers give the binary ones back, whatever these are."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.formats.recording import MAX_GAIN, MIN_GAIN
from ml.interchange.exact import LONGEST_DS, MOST_DIGITS, decimal_string, factors, reciprocal

GAINS = st.floats(MIN_GAIN, MAX_GAIN)


@given(GAINS)
def test_the_size_of_a_step_gives_the_gain_back(gain: float) -> None:
    size = reciprocal(gain)
    assert float(Decimal(1000) / size) == gain
    assert len(size.as_tuple().digits) <= MOST_DIGITS


@given(GAINS)
def test_sensitivity_and_correction_give_the_gain_back(gain: float) -> None:
    found = factors(gain)
    assert max(map(len, found)) <= LONGEST_DS
    assert float(Decimal(1000) / (Decimal(found.sensitivity) * Decimal(found.correction))) == gain


@pytest.mark.parametrize(
    ("gain", "written"), [(200.0, ("5", "1")), (1000.0, ("1", "1")), (204.8, ("4.8828125", "1")), (1e12, ("1E-9", "1"))]
)
def test_plain_numbers_stay_plain(gain: float, written: tuple[str, str]) -> None:
    assert tuple(Decimal(each) for each in factors(gain)) == tuple(Decimal(each) for each in written)


def test_what_takes_more_than_sixteen_characters_is_no_decimal_string() -> None:
    assert decimal_string(Decimal("3.000030000300003")) is None
