"""What a network sees of the rules' measurements: always numbers, always the same ones, whatever the size of a lead."""

import numpy as np
import pytest

from ml.corpus.simulator.heart import record
from ml.measurements import find_beats
from ml.rules import read_window
from ml.rules.measured import RULE_MEASUREMENTS, rule_measurements
from ml.signals import preprocess
from tests.ml.no_ecg import NO_ECG


def window_of(*labels: str) -> np.ndarray:
    recording = record(set(labels), np.random.default_rng(0))
    return preprocess(recording.millivolts(), recording.sampling_rate_hz).values[0]


def measured(window: np.ndarray) -> np.ndarray:
    return rule_measurements(window, find_beats(window))


def test_they_are_what_the_reader_measures_but_for_voltages() -> None:
    window = window_of("sinus_rhythm", "lbbb")
    evidence = read_window(window, millivolts=False).evidence
    for name, value in zip(RULE_MEASUREMENTS, measured(window).tolist(), strict=True):
        assert value == pytest.approx(evidence[name.removeprefix("rule_")], rel=1e-6), name
    left_out = evidence.keys() - {name.removeprefix("rule_") for name in RULE_MEASUREMENTS}
    assert left_out and all(name.endswith("_mv") for name in left_out)


def test_they_do_not_depend_on_the_size_of_any_lead() -> None:
    window = window_of("sinus_rhythm", "lad").astype(np.float64)
    resized = window * np.geomspace(0.1, 10, 12)[:, None]
    near = np.isclose(measured(window), measured(resized), rtol=1e-3, atol=1e-3)
    assert [name for name, same in zip(RULE_MEASUREMENTS, near, strict=True) if not same] == []


@NO_ECG
def test_what_is_no_ecg_gives_finite_measurements(window: np.ndarray) -> None:
    found = measured(window)
    assert found.shape == (len(RULE_MEASUREMENTS),) and np.isfinite(found).all()
