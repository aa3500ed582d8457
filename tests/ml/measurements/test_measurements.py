"""Measurements say of simulated hearts what was simulated, and never depend on what z-scoring took away."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.corpus.simulator.heart import record
from ml.measurements import BEAT_SAMPLES, MEASUREMENTS, find_beats, limb_amplitudes, measure, strip
from ml.signals import preprocess
from tests.ml.no_ecg import NO_ECG


def window_of(*labels: str, seed: int = 0) -> np.ndarray:
    recording = record(set(labels), np.random.default_rng(seed))
    return preprocess(recording.millivolts(), recording.sampling_rate_hz).values[0]


def measured(*labels: str, seed: int = 0) -> dict[str, float]:
    return dict(zip(MEASUREMENTS, measure(window_of(*labels, seed=seed)).values.tolist(), strict=True))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-180, 180))
def test_z_scored_limb_leads_get_their_proportions_back(seed: int, axis: float) -> None:
    rng = np.random.default_rng(seed)
    one, two = rng.standard_normal((2, 2500)).cumsum(axis=1)
    one, two = one * np.cos(np.deg2rad(axis)), two + one * np.sin(np.deg2rad(axis))
    leads = np.stack([one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2])
    leads -= leads.mean(axis=1, keepdims=True)
    size = leads.std(axis=1)
    expected = size * np.sqrt(6 / np.square(size).sum())
    assert np.allclose(limb_amplitudes(leads / size[:, None]), expected, atol=1e-6)


def test_the_restored_proportions_are_those_ptbxl_gives(shared) -> None:
    with np.load(shared / "ptbxl/ptbxl_zscored_250hz.npz") as content:
        windows, given_scale = content["X"][:50] * content["scale"], content["limb_scale"][:50]
    found = np.stack([limb_amplitudes(window.astype(float)) for window in windows])
    expected = given_scale * np.sqrt(6 / np.square(given_scale).sum(axis=1, keepdims=True))
    assert np.abs(found - expected).max() < 0.01


def test_measurements_do_not_depend_on_the_size_of_any_lead() -> None:
    window = window_of("sinus_rhythm", "lad")
    resized = window * np.geomspace(0.1, 10, 12)[:, None]
    assert np.allclose(measure(window).values, measure(resized).values, rtol=1e-3, atol=1e-3)
    assert np.allclose(strip(window), strip(resized), atol=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_every_beat_is_found_and_lies_on_the_others(seed: int) -> None:
    window = window_of("sinus_rhythm", seed=seed)
    beats = find_beats(window)
    intervals = np.diff(beats.at)
    assert np.ptp(intervals) < 0.25 * np.median(intervals)
    assert (beats.likeness > 0.9).all() and beats.averaged.sum() >= 6
    assert beats.average.shape == (12, BEAT_SAMPLES)
    assert np.corrcoef(beats.average.ravel(), beats.single[:, beats.averaged][:, 1].ravel())[0, 1] > 0.95


@pytest.mark.parametrize(("label", "low", "high"), [("lad", -90, -30), ("rad", 90, 170), ("rsad", -179, -80)])
def test_the_axis_is_the_one_simulated(label: str, low: float, high: float) -> None:
    axes = [measured("sinus_rhythm", label, seed=seed)["axis_of_net"] for seed in range(5)]
    assert low < np.median(axes) < high


def test_rhythm_and_conduction_are_told_apart() -> None:
    sinus, fibrillation, block = measured("sinus_rhythm"), measured("afib"), measured("sinus_rhythm", "lbbb")
    assert fibrillation["rr_deviation"] > 0.1 > sinus["rr_deviation"]
    assert sinus["p_steadiness_all"] > fibrillation["p_steadiness_all"] + 1
    assert block["qrs_ms_at_25"] > sinus["qrs_ms_at_25"] + 20


@NO_ECG
def test_what_is_no_ecg_gives_finite_measurements(window: np.ndarray) -> None:
    found = measure(window)
    assert found.values.shape == (len(MEASUREMENTS),) and np.isfinite(found.values).all()
    assert found.beat.shape == (12, BEAT_SAMPLES) and np.isfinite(found.beat).all()


def test_a_piece_of_a_window_measures_like_the_whole() -> None:
    window = window_of("sinus_rhythm", "rbbb")
    whole, piece = measure(window).values, measure(window[:, 300:2300]).values
    for name in ("rate", "axis_of_area", "qrs_ms_at_25", "r_V1", "t_II"):
        k = MEASUREMENTS.index(name)
        assert piece[k] == pytest.approx(whole[k], rel=0.15, abs=0.05), name
