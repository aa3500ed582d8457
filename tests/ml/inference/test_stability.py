"""Changes that do not matter, and how a model's decisions stand them."""

import shutil

import numpy as np
import pytest

from ml.bundles.bundle import read_manifest
from ml.corpus.simulator import simulate
from ml.formats.waveform import encode
from ml.inference.predictor import Predictor
from ml.inference.stability import CHANGES, add_stability, later, measure, noisy, recordings_in, resampled


@pytest.fixture(scope="module")
def ecgs():
    return [(ecg.recording.millivolts(), ecg.recording.sampling_rate_hz) for ecg in simulate(3, seed=5)]


def test_a_shift_by_whole_samples_moves_them_and_by_parts_goes_between(ecgs):
    signal, rate = ecgs[0]
    shifted, same_rate = later((signal, rate), 1000 * 3 / rate)
    assert same_rate == rate and shifted[:, :-3] == pytest.approx(signal[:, 3:], abs=1e-9)
    sine = np.sin(2 * np.pi * 7 * np.arange(5000) / 500)[None]
    between, _ = later((sine, 500.0), 1)
    assert between[0, 50:-50] == pytest.approx(
        np.sin(2 * np.pi * 7 * (np.arange(5000) / 500 + 0.001))[50:-50], abs=1e-6
    )


def test_another_rate_and_back_is_the_same_below_its_nyquist_frequency():
    slow = np.sin(2 * np.pi * 11 * np.arange(5000) / 500)[None]
    there, rate = resampled((slow, 500.0), 2, 1)
    back, again = resampled((there, rate), 1, 2)
    assert (rate, again, there.shape[1]) == (1000, 500, 10000)
    assert back[0, 200:-200] == pytest.approx(slow[0, 200:-200], abs=2e-3)


def test_the_noise_is_of_20_microvolts_and_the_same_each_time(ecgs):
    (changed, _), (again, _) = noisy(ecgs[0]), noisy(ecgs[0])
    assert np.array_equal(changed, again)
    assert (changed - ecgs[0][0]).std() == pytest.approx(0.02, rel=0.02)


def test_shares_and_differences_are_those_of_asking_each_ecg(bundle_folder, ecgs):
    predictor = Predictor(bundle_folder, "cpu")
    unusable = (np.zeros((12, 5000)), 500.0)
    found = measure(predictor, [*ecgs, unusable], "simulated")
    assert (found.ecgs, list(found.identical)) == (3, list(CHANGES))
    for name, change in CHANGES.items():
        pairs = [(predictor.predict(*ecg)["labels"], predictor.predict(*change(ecg))["labels"]) for ecg in ecgs]
        same = [[a["positive"] == b["positive"] for a, b in zip(*pair, strict=True)] for pair in pairs]
        assert found.identical[name] == pytest.approx(np.mean(same))
        assert found.whole[name] == pytest.approx(np.mean([all(each) for each in same]))
        for k, label in enumerate(predictor.labels):
            share, moved = found.labels[label.key][name]
            assert share == pytest.approx(np.mean([each[k] for each in same]))
            assert moved == max(abs(a[k]["probability"] - b[k]["probability"]) for a, b in pairs)
    with pytest.raises(ValueError, match="none of the ECGs"):
        measure(predictor, [unusable], "nothing")


def test_it_is_written_into_bundle_and_card(bundle_folder, tmp_path):
    bundle, run = tmp_path / "bundle", tmp_path / "run"
    shutil.copytree(bundle_folder, bundle)
    (run / "recordings").mkdir(parents=True)
    for number, ecg in enumerate(simulate(2, seed=5)):
        (run / "recordings" / str(number)).write_bytes(encode(ecg.recording))
    before = read_manifest(bundle)
    add_stability(bundle, recordings_in(run), "simulated by a test")
    manifest = read_manifest(bundle)
    assert manifest.stability is not None and manifest.stability.ecgs == 2
    assert manifest.model_copy(update={"stability": None, "files": before.files}) == before
    card = (bundle / "card.md").read_text()
    assert "## Decisions that stand still" in card and "2 ECGs, simulated by a test" in card
    assert Predictor(bundle, "cpu").manifest == manifest  # every hash fits
