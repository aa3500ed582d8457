"""What the tests measure work by."""

import gc

import pytest

from tests.cost import cheap, loops, timed


def test_the_collector_rests_while_the_clock_runs() -> None:
    for collects in (False, True):
        gc.enable() if collects else gc.disable()
        with pytest.raises(KeyError), timed() as clock:
            assert not gc.isenabled()
            raise KeyError
        assert clock.seconds > 0
        assert gc.isenabled() is collects


def test_what_costs_much_is_found() -> None:
    with cheap(1_000_000):
        bytes(100_000)
    with pytest.raises(AssertionError), cheap(1_000_000):
        bytes(2_000_000)
    short, long = (loops(lambda length=length: sum(range(length))) for length in (500_000, 5_000_000))
    assert long > 3 * short
