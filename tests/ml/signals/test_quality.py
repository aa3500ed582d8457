import numpy as np
import pytest

from ml.formats.recording import LEADS
from ml.signals import check

RATE_HZ = 500.0


def noise(samples: int = 5000) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 0.3, (12, samples))


def codes(signal_mv: np.ndarray, rate_hz: float = RATE_HZ) -> list[str]:
    return [reason.code for reason in check(signal_mv, rate_hz)]


def test_a_sound_signal_has_nothing_against_it() -> None:
    assert check(noise(), RATE_HZ) == []


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_the_leads_that_are_not_finite_are_named(value: float) -> None:
    signal = noise()
    signal[[1, 6], 4000] = value
    (reason,) = check(signal, RATE_HZ)
    assert reason.code == "not_finite"
    assert reason.detail.endswith("in II, V1")


@pytest.mark.parametrize("level", [0.0, -1.234567, 300.1])
def test_a_constant_lead_is_named_whatever_its_level(level: float) -> None:
    signal = noise()
    signal[11] = level
    (reason,) = check(signal, RATE_HZ)
    assert reason.code == "constant_lead"
    assert reason.detail.endswith("in V6")


def test_the_smallest_step_of_a_recorder_is_a_signal() -> None:
    signal = noise()
    signal[3] = 300.0
    signal[3, ::7] += 0.0001
    assert check(signal, RATE_HZ) == []


@pytest.mark.parametrize(("rate_hz", "expected"), [(250.0, []), (249.9, ["sampling_rate_too_low"])])
def test_the_lowest_rate(rate_hz: float, expected: list[str]) -> None:
    assert codes(noise(), rate_hz) == expected


@pytest.mark.parametrize("rate_hz", [0.0, -1.0, np.nan])
def test_a_rate_that_is_none_is_too_low(rate_hz: float) -> None:
    assert codes(noise(), rate_hz) == ["sampling_rate_too_low"]


@pytest.mark.parametrize(("samples", "expected"), [(5000, []), (4999, ["too_short"]), (0, ["too_short"])])
def test_the_shortest_recording(samples: int, expected: list[str]) -> None:
    assert codes(noise(samples)) == expected


def test_microvolts_read_as_millivolts_are_noticed_but_offsets_and_spikes_are_not() -> None:
    signal = noise()
    assert codes(signal * 1000) == ["implausible_amplitude"]
    signal[4] += 300
    signal[5, ::1000] = 90
    assert codes(signal) == []


@pytest.mark.parametrize(
    ("largest_mv", "expected"), [(0.0019, ["implausible_amplitude"]), (0.0199, ["implausible_amplitude"]), (0.0201, [])]
)
def test_volts_read_as_millivolts_are_noticed_but_one_small_lead_is_not(largest_mv: float, expected: list[str]) -> None:
    signal = noise()
    signal *= 0.001 / np.ptp(signal, axis=1, keepdims=True)
    assert codes(signal + 30) == ["implausible_amplitude"]  # an offset is no amplitude
    signal[7] *= largest_mv / 0.001
    assert codes(signal) == expected


def test_all_reasons_are_given_not_only_the_first() -> None:
    signal = noise(900)
    signal[0, 3], signal[1], signal[2] = np.nan, 0, signal[2] * 1000
    assert codes(signal, 100) == [
        "sampling_rate_too_low",
        "too_short",
        "not_finite",
        "constant_lead",
        "implausible_amplitude",
    ]


def test_every_lead_can_be_the_one_that_is_named() -> None:
    for index, lead in enumerate(LEADS):
        signal = noise()
        signal[index] = 0
        assert check(signal, RATE_HZ)[0].detail.split()[-1] == lead


def test_a_signal_of_another_shape_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match=r"\(12, n\)"):
        check(noise()[:8], RATE_HZ)
