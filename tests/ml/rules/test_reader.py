"""The rules read made hearts as they were made, say why they do not read what is no ECG, and never raise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.corpus.simulator.heart import record
from ml.formats.recording import LEADS, MISSING, Recording
from ml.rules import read, read_window
from ml.signals import preprocess


def made(*labels: str, seed: int = 0) -> Recording:
    return record(set(labels), np.random.default_rng(seed))


def of_signal(signal_mv: np.ndarray, *, scale_known: bool = True, rate_hz: float = 500.0) -> Recording:
    return Recording(np.rint(signal_mv * 1000).astype(np.int32), np.full(12, 1000.0), rate_hz, scale_known)


@pytest.mark.parametrize(
    ("label", "least"),
    [
        ("sinus_rhythm", 6),
        ("rbbb", 6),
        ("lbbb", 6),
        ("afib", 6),
        ("aflutter", 5),
        ("lad", 6),
        ("rad", 6),
        ("rsad", 6),
        ("lvh", 6),
        ("rvh", 3),
        ("anterior_mi", 6),
        ("inferior_mi", 6),
        ("posterior_mi", 3),
    ],
)
def test_what_was_simulated_is_said(label: str, least: int) -> None:
    alone = {"sinus_rhythm", "afib", "aflutter"}
    labels = (label,) if label in alone else ("sinus_rhythm", label)
    readings = [read(made(*labels, seed=seed)) for seed in range(6)]
    assert sum(label in reading.findings for reading in readings) >= least
    others = [read(made("sinus_rhythm", seed=seed)) for seed in range(10, 14)]
    assert label in ("sinus_rhythm",) or sum(label in reading.findings for reading in others) <= 1


@pytest.mark.parametrize("heart_rate", [45, 60, 90, 130])
def test_the_rate_is_the_one_made(heart_rate: int) -> None:
    beat = np.exp(-0.5 * (np.arange(-50, 50) / 5) ** 2)
    signal = np.zeros((12, 5000))
    for at in range(100, 4900, round(500 * 60 / heart_rate)):
        signal[:, at - 50 : at + 50] += beat
    signal *= np.array([1, 1, 0, -1, 0.5, 0.5, -1, -0.5, 0.5, 1, 1, 1])[:, None]
    signal += 0.001 * np.random.default_rng(0).standard_normal(signal.shape)
    assert read(of_signal(signal)).evidence["rate"] == pytest.approx(heart_rate, abs=2)


@pytest.mark.parametrize("axis", [-150, -100, -45, 0, 60, 110, 160])
@pytest.mark.parametrize("millivolts", [True, False])
def test_the_axis_is_the_one_made(axis: int, millivolts: bool) -> None:
    """The heart's limb leads are replaced by one wave, turned to an axis."""
    signal = made("sinus_rhythm").millivolts()
    wave = signal[LEADS.index("V6")]
    one, foot = wave * np.cos(np.deg2rad(axis)), wave * np.sin(np.deg2rad(axis)) * np.sqrt(3) / 2
    two = foot + one / 2
    signal[:6] = [one, two, two - one, -(one + two) / 2, one - two / 2, foot]
    recording = of_signal(signal + 1e-3 * np.random.default_rng(0).standard_normal(signal.shape))
    if millivolts:
        reading = read(recording)
    else:
        reading = read_window(preprocess(recording.millivolts(), 500.0).values[0], millivolts=False)
    assert abs((reading.evidence["qrs_axis"] - axis + 180) % 360 - 180) < (2 if millivolts else 8)
    said = reading.findings & {"lad", "rad", "rsad"}
    expected = {-150: "rsad", -100: "rsad", -45: "lad", 110: "rad", 160: "rad"}.get(axis)
    assert said == ({expected} if expected else set())


def test_voltages_are_in_millivolt_whatever_the_gain() -> None:
    recording = made("sinus_rhythm", "lvh")
    finer = Recording(recording.samples * 4, recording.gain * 4, recording.sampling_rate_hz)
    doubled = Recording(recording.samples * 2, recording.gain, recording.sampling_rate_hz)
    first, same, twice = (read(each).evidence for each in (recording, finer, doubled))
    assert first["sokolow_mv"] == pytest.approx(same["sokolow_mv"], rel=1e-6)
    assert twice["sokolow_mv"] == pytest.approx(2 * first["sokolow_mv"], rel=1e-6)
    assert twice["qrs_axis"] == pytest.approx(first["qrs_axis"], abs=1e-6)


def test_without_a_scale_no_voltage_is_measured_and_none_is_said() -> None:
    recording = made("sinus_rhythm", "lvh")
    unknown = Recording(recording.samples, recording.gain, recording.sampling_rate_hz, scale_known=False)
    reading = read(unknown)
    assert all(np.isnan(value) for name, value in reading.evidence.items() if name.endswith("_mv"))
    assert "mV" not in reading.text and "sinus_rhythm" in reading.findings


@pytest.mark.parametrize("lead", LEADS)
def test_a_lead_without_a_signal_is_named(lead: str) -> None:
    recording = made("sinus_rhythm")
    samples = recording.samples.copy()
    samples[LEADS.index(lead)] = 0
    reading = read(Recording(samples, recording.gain, recording.sampling_rate_hz))
    assert [reason.code for reason in reading.not_readable] == ["constant_lead"]
    assert reading.text.startswith("Not readable: ") and reading.text.endswith(f" {lead}")
    assert not reading.statements and not reading.scores


def test_missing_samples_and_short_recordings_are_not_read() -> None:
    recording = made("sinus_rhythm")
    samples = recording.samples.copy()
    samples[3, 100] = MISSING
    gap = read(Recording(samples, recording.gain, recording.sampling_rate_hz))
    short = read(Recording(recording.samples[:, :3000], recording.gain, recording.sampling_rate_hz))
    assert [reason.code for reason in gap.not_readable] == ["not_finite"]
    assert [reason.code for reason in short.not_readable] == ["too_short"]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.05, 5))
def test_noise_is_not_read(seed: int, size: float) -> None:
    noise = size * np.random.default_rng(seed).standard_normal((12, 5000))
    assert [reason.code for reason in read(of_signal(noise)).not_readable] == ["noise"]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(250, 1000), st.integers(2000, 12_000))
def test_whatever_comes_is_answered(seed: int, rate_hz: int, length: int) -> None:
    """Steps, spikes, drifts and constants in any mixture are read or not, without an exception."""
    rng = np.random.default_rng(seed)
    signal = rng.choice([0.0, 0.01, 1.0, 30.0], (12, 1)) * rng.standard_normal((12, length))
    if rng.random() < 0.5:
        signal = signal.cumsum(axis=1)
    signal[:, rng.integers(0, length, 5)] += rng.choice([0, 40])
    reading = read(of_signal(signal.clip(-1000, 1000), rate_hz=float(rate_hz)))
    assert bool(reading.not_readable) != bool(reading.statements)
    assert reading.text


def test_a_reading_is_the_same_each_time() -> None:
    first, second = (read(made("sinus_rhythm", "rbbb"), sex="female") for _ in range(2))
    assert first.text == second.text and dict(first.scores) == dict(second.scores)
