from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, filtfilt, iirnotch, sosfiltfilt

from ml.formats import read
from ml.signals import Preprocessing, Unusable, check_usable, preprocess

DATA = Path(__file__).resolve().parents[3] / "../shared/data"
ODD = Preprocessing(padding="odd")


def ecg_like(seconds: float = 10, rate_hz: float = 500, seed: int = 0) -> np.ndarray:
    """Twelve leads with beats, a baseline and noise: all a filter can meet, none of an ECG's meaning."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    beats = sum(np.exp(-(((time - at) / 0.02) ** 2)) for at in np.arange(0.4, seconds, 0.83))
    wander = np.sin(2 * np.pi * rng.uniform(0.1, 0.4, (12, 1)) * time + rng.uniform(0, 6, (12, 1)))
    return rng.uniform(-2, 2, (12, 1)) * beats + 0.3 * wander + rng.normal(0, 0.02, (12, time.size))


def real_signals(count: int) -> list[tuple[np.ndarray, float]]:
    headers = sorted((DATA / "ptbxl/records500/00000").glob("*.hea"))[:count]
    if not headers:
        pytest.skip("shared/data/ptbxl/records500 is absent")
    recordings = [
        read({part.name: part.read_bytes() for part in (header, header.with_suffix(".dat"))}).recording
        for header in headers
    ]
    return [(recording.millivolts(), recording.sampling_rate_hz) for recording in recordings]


def slow_reference(window: np.ndarray, rate_hz: float = 250) -> np.ndarray:
    """Filter with SciPy's recursive filters on a window mirrored eight times at both ends."""
    samples = window.shape[1]
    period = np.concatenate([window, window[:, ::-1]], axis=1)
    extended = np.tile(period, 8)
    middle = slice(8 * samples, 9 * samples)
    high_passed = sosfiltfilt(butter(2, 0.5, "highpass", fs=rate_hz, output="sos"), extended, axis=1)
    inside = high_passed[:, middle]
    high_passed = (high_passed - inside.mean(1, keepdims=True)) / inside.std(1, keepdims=True)
    for mains_hz in (50, 60):
        b, a = iirnotch(mains_hz, 30, fs=rate_hz)
        high_passed = filtfilt(b, a, high_passed, axis=1)
    return high_passed[:, middle]


@pytest.mark.parametrize("seed", range(3))
def test_the_cosine_transform_equals_recursive_filters_on_a_mirrored_signal(seed: int) -> None:
    signal = ecg_like(rate_hz=250, seed=seed)
    np.testing.assert_allclose(preprocess(signal, 250).values[0], slow_reference(signal), atol=1e-5)


def test_it_does_so_on_real_ecgs_too() -> None:
    for signal, rate_hz in real_signals(20):
        assert rate_hz == 500
        np.testing.assert_allclose(preprocess(signal, rate_hz).values[0], slow_reference(signal[:, ::2]), atol=1e-5)


def test_odd_padding_is_what_a_common_script_does() -> None:
    signal = ecg_like(rate_hz=250)
    b, a = butter(2, 0.5, "highpass", fs=250)
    expected = filtfilt(b, a, signal)
    expected = (expected - expected.mean(1, keepdims=True)) / expected.std(1, keepdims=True)
    for mains_hz in (50, 60):
        expected = filtfilt(*iirnotch(mains_hz, 30, fs=250), expected)
    np.testing.assert_allclose(preprocess(signal, 250, ODD).values[0], expected, atol=1e-5)
    assert np.abs(preprocess(signal, 250).values[0] - expected).max() > 0.01


def test_500_hz_is_read_at_every_second_sample() -> None:
    signal = ecg_like()
    assert np.array_equal(preprocess(signal, 500).values, preprocess(signal[:, ::2], 250).values)


@pytest.mark.parametrize("rate_hz", [257.0, 360.0, 500.5, 999.0, 1000.0])
def test_other_rates_are_interpolated_linearly_at_k_over_250(rate_hz: float) -> None:
    signal = ecg_like(21, rate_hz)
    windows = preprocess(signal, rate_hz)
    assert windows.values.shape == (2, 12, 2500)
    time = np.arange(signal.shape[1]) / rate_hz
    for start, values in zip(windows.starts_s, windows.values, strict=True):
        at = start + np.arange(2500) / 250
        resampled = np.stack([np.interp(at, time, lead) for lead in signal])
        np.testing.assert_allclose(values, preprocess(resampled, 250).values[0], atol=1e-5)


@given(rate_hz=st.one_of(st.floats(250, 2000), st.integers(250, 2000).map(float)), extra=st.integers(0, 3000))
def test_any_ten_seconds_at_any_rate_give_a_whole_window(rate_hz: float, extra: int) -> None:
    signal = np.random.default_rng(extra).normal(size=(12, int(np.ceil(10 * rate_hz)) + extra))
    windows = preprocess(signal, rate_hz)
    assert len(windows.values) == len(windows.starts_s) >= 1
    assert np.isfinite(windows.values).all()
    assert windows.starts_s[-1] + 10 <= signal.shape[1] / rate_hz


def test_antialiasing_takes_away_what_would_fold_and_nothing_else() -> None:
    time = np.arange(5000) / 500
    hum = 0.5 * np.sin(2 * np.pi * 210 * time)  # folds to 40 Hz
    slow = ecg_like() * 0 + np.sin(2 * np.pi * 7 * time + 0.3)
    plain, antialiased = preprocess(slow + hum, 500), preprocess(slow + hum, 500, Preprocessing(antialias=True))
    clean = preprocess(slow, 500).values[..., 250:-250]
    assert np.abs(plain.values[..., 250:-250] - clean).max() > 0.3
    assert np.abs(antialiased.values[..., 250:-250] - clean).max() < 0.02


@given(st.permutations(range(12)))
def test_leads_are_treated_alike(order: list[int]) -> None:
    signal = ecg_like()
    assert np.array_equal(preprocess(signal[order], 500).values[0], preprocess(signal, 500).values[0][order])


@given(st.floats(0.02, 10))
def test_amplification_does_not_matter(factor: float) -> None:
    signal = ecg_like()
    np.testing.assert_allclose(preprocess(factor * signal, 500).values, preprocess(signal, 500).values, atol=1e-5)


@given(offset=st.floats(-300, 300), drift_mv_per_s=st.floats(-0.01, 0.01))
def test_offsets_vanish_and_slow_drift_nearly(offset: float, drift_mv_per_s: float) -> None:
    signal = ecg_like()
    clean = preprocess(signal, 500).values
    np.testing.assert_allclose(preprocess(signal + offset, 500).values, clean, atol=1e-5)
    drifting = signal + drift_mv_per_s * np.arange(5000) / 500
    np.testing.assert_allclose(preprocess(drifting, 500).values, clean, atol=0.05)


@pytest.mark.parametrize("mains_hz", [50, 60])
def test_mains_hum_vanishes(mains_hz: int) -> None:
    hum = 0.1 * np.sin(2 * np.pi * mains_hz * np.arange(2500) / 250 + 0.4)
    hummed = ecg_like(rate_hz=250) + hum
    inside, bin_of_mains = slice(500, 2000), mains_hz * 6  # away from the edges, a whole number of periods

    def mains(signal: np.ndarray) -> np.ndarray:
        return np.abs(np.fft.rfft(signal[:, inside], axis=1)[:, bin_of_mains])

    brought = mains(hummed / hummed.std(axis=1, keepdims=True))
    assert (mains(preprocess(hummed, 250).values[0]) < 0.005 * brought).all()


def test_windows_are_standardised_before_the_notches() -> None:
    values = preprocess(ecg_like(), 500).values[0].astype(float)
    np.testing.assert_allclose(values.mean(axis=1), 0, atol=1e-6)
    assert (values.std(axis=1) <= 1 + 1e-6).all()
    assert (values.std(axis=1) > 0.9).all()


def test_the_last_incomplete_window_is_left_out() -> None:
    windows = preprocess(ecg_like(29.9), 500)
    assert windows.values.shape == (2, 12, 2500)
    assert windows.values.dtype == np.float32
    assert windows.starts_s.tolist() == [0, 10]


def test_a_window_does_not_depend_on_its_neighbours() -> None:
    signal = ecg_like(30)
    together = preprocess(signal, 500).values
    alone = [preprocess(signal[:, start : start + 5000], 500).values[0] for start in (0, 5000, 10_000)]
    assert np.array_equal(together, np.stack(alone))


def test_a_window_in_which_a_lead_is_constant_is_dropped() -> None:
    signal = ecg_like(30)
    signal[7, 5000:10_000] = 0.125
    assert preprocess(signal, 500).starts_s.tolist() == [0, 20]


def test_no_window_left_is_a_reason() -> None:
    signal = ecg_like(20)
    signal[0, :5000] = signal[1, 5000:] = 0
    with pytest.raises(Unusable) as caught:
        preprocess(signal, 500)
    assert [reason.code for reason in caught.value.reasons] == ["no_window"]


@settings(max_examples=80, deadline=None)
@given(
    rate_hz=st.sampled_from([200.0, 250.0, 257.3, 500.0, 1000.0]),
    seconds=st.floats(9.5, 41.0),
    size_mv=st.sampled_from([0.001, 0.03, 1.0, 900.0]),
    off=st.lists(st.tuples(st.integers(0, 11), st.floats(0, 40), st.floats(0, 40)), max_size=6),
)
def test_a_signal_is_accepted_exactly_where_it_gives_windows(
    rate_hz: float, seconds: float, size_mv: float, off: list[tuple[int, float, float]]
) -> None:
    signal = size_mv * np.random.default_rng(0).uniform(-0.5, 0.5, (12, int(seconds * rate_hz)))
    for lead, start_s, length_s in off:
        signal[lead, int(start_s * rate_hz) : int((start_s + length_s) * rate_hz)] = 0.5
    reasons = check_usable(signal, rate_hz)
    try:
        assert len(preprocess(signal, rate_hz).values) > 0 and reasons == []
    except Unusable as error:
        assert error.reasons == reasons != []


def test_an_unusable_signal_is_refused_with_all_reasons() -> None:
    signal = ecg_like(5, 100)
    signal[3] = 0
    with pytest.raises(Unusable, match="aVR") as caught:
        preprocess(signal, 100)
    assert [reason.code for reason in caught.value.reasons] == [
        "sampling_rate_too_low",
        "too_short",
        "constant_lead",
    ]


def test_the_signal_is_left_as_it_was() -> None:
    signal = ecg_like()
    before = signal.copy()
    for options in (Preprocessing(), ODD, Preprocessing(antialias=True)):
        preprocess(signal, 500, options)
    assert np.array_equal(signal, before)


@pytest.mark.parametrize("options", [Preprocessing(), Preprocessing(notch_hz=(50.0,), padding="odd")])
def test_options_survive_being_written_down(options: Preprocessing) -> None:
    assert Preprocessing.from_dict(options.to_dict()) == options


def test_unknown_and_missing_steps_are_refused() -> None:
    named = Preprocessing().to_dict()
    with pytest.raises(ValueError, match="wavelet"):
        Preprocessing.from_dict({**named, "wavelet": "db4"})
    del named["padding"]
    with pytest.raises(ValueError, match="padding"):
        Preprocessing.from_dict(named)


@pytest.mark.parametrize(
    "wrong",
    [
        {"target_rate_hz": 0.0},
        {"window_s": 10.001},
        {"high_pass_hz": 0.0},
        {"notch_hz": (125.0,)},
        {"notch_q": -1.0},
        {"padding": "zero"},
    ],
)
def test_options_that_make_no_filter_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Preprocessing(**wrong)


def test_without_notches_the_deviation_is_one() -> None:
    values = preprocess(ecg_like(), 500, Preprocessing(notch_hz=())).values[0].astype(float)
    np.testing.assert_allclose(values.std(axis=1), 1, atol=1e-6)
