import shutil

import numpy as np
import pytest
import torch
from scipy.special import expit

from ml.bundles.bundle import InvalidBundle, amend, read_manifest, read_weights
from ml.inference.predictor import NoTextSide, Predictor
from ml.networks.ecg import EcgNetwork
from ml.networks.resnet1d import PRESETS
from ml.signals import Preprocessing, Unusable, preprocess


@pytest.fixture(scope="module")
def predictor(bundle_folder):
    return Predictor(bundle_folder, device="cpu")


def make_signal(seed, seconds=10, rate=500):
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * rate)) / rate
    spikes = np.maximum(np.sin(2 * np.pi * 2 * time), 0) ** 8
    return spikes * rng.uniform(0.5, 1.5, (12, 1)) + 0.05 * rng.standard_normal((12, len(time)))


def test_one_window_s_answer_is_the_network_s_and_the_bundle_s(bundle_folder, tmp_path):
    manifest = read_manifest(bundle_folder)
    network = EcgNetwork(PRESETS["tiny"], 3).eval()
    network.load_state_dict(read_weights(bundle_folder, manifest))
    folder = tmp_path / "floats"
    shutil.copytree(bundle_folder, folder)
    amend(folder, {"integers": None}, lambda complete: {})
    windows = preprocess(make_signal(1), 500, Preprocessing.from_dict(manifest.preprocessing)).values
    with torch.inference_mode():
        logits = network(torch.from_numpy(windows)).double().numpy()[0]

    result = Predictor(folder, "cpu").predict(make_signal(1), 500)
    assert result["windows"] == 1
    for label, answer, logit in zip(manifest.labels, result["labels"], logits, strict=True):
        assert (answer["label"], answer["name"], answer["threshold"]) == (label.key, label.name, label.threshold)
        assert answer["score"] == pytest.approx(expit(logit), rel=1e-5)
        assert answer["probability"] == pytest.approx(expit(label.slope * logit + label.bias), rel=1e-5)
        assert answer["positive"] == (answer["score"] >= label.threshold)


def test_several_windows_have_the_mean_of_their_logits(predictor):
    signal = make_signal(2, seconds=34)
    starts = [0, 10, 20]
    alone = [predictor.predict(signal[:, 500 * start : 500 * (start + 10)], 500) for start in starts]
    together = predictor.predict(signal, 500)
    assert together["windows"] == 3
    for k, answer in enumerate(together["labels"]):
        scores = np.array([result["labels"][k]["score"] for result in alone])
        assert answer["score"] == pytest.approx(expit(np.log(scores / (1 - scores)).mean()), rel=1e-4)


def test_an_ecg_s_answer_does_not_depend_on_what_was_asked_before(predictor):
    first = predictor.predict(make_signal(3), 500)
    predictor.predict(100 * make_signal(4, seconds=60)[:, ::-1] / 100, 500)
    assert predictor.predict(make_signal(3), 500) == first


def test_the_bundle_s_own_preprocessing_is_replayed(bundle_folder, tmp_path, rewrite):
    folder = shutil.copytree(bundle_folder, tmp_path / "odd")
    text = (folder / "bundle.json").read_text()
    rewrite(folder, text.replace('"padding": "symmetric"', '"padding": "odd"'))
    signal = make_signal(5) + np.linspace(0, 2, 5000)
    odd, symmetric = (Predictor(each, "cpu").predict(signal, 500) for each in (folder, bundle_folder))
    assert odd != symmetric


@pytest.mark.parametrize("rate", [250, 360, 1000])
def test_any_rate_from_250_hz_is_answered(predictor, rate):
    scores = [answer["score"] for answer in predictor.predict(make_signal(6, rate=rate), rate)["labels"]]
    assert all(0 < score < 1 for score in scores)


def test_an_unusable_signal_is_refused_with_every_reason(predictor):
    signal = make_signal(7, seconds=5)
    signal[3] = 0
    with pytest.raises(Unusable) as refused:
        predictor.predict(signal, 500)
    assert {reason.code for reason in refused.value.reasons} == {"too_short", "constant_lead"}


@pytest.mark.parametrize(("old", "new"), [('"width": 12', '"width": 13'), ('"width": 12', '"width": 100000000')])
def test_a_network_that_does_not_fit_is_refused(bundle_folder, tmp_path, rewrite, old, new):
    folder = shutil.copytree(bundle_folder, tmp_path / "wrong")
    text = (folder / "bundle.json").read_text()
    assert old in text
    rewrite(folder, text.replace(old, new, 1))
    with pytest.raises(InvalidBundle):
        Predictor(folder, "cpu")


@pytest.fixture(scope="module")
def clip(clip_bundle_folder):
    return Predictor(clip_bundle_folder, device="cpu")


def test_a_clip_model_s_logit_is_the_cosine_with_the_label_s_prompts(clip):
    result = clip.predict(make_signal(1), 500, ["Fast", "upside down", "Upside Down"])
    by_phrase = [statement["similarity"] for statement in result["statements"]]
    for label, similarity in zip(result["labels"][:2], by_phrase[:2], strict=True):
        assert label["score"] == pytest.approx(expit(similarity), rel=1e-5)
    assert by_phrase[1] == by_phrase[2]  # phrases are normalised as statements were
    assert all(-1 <= similarity <= 1 for similarity in by_phrase)
    assert [statement["phrase"] for statement in result["statements"]] == ["Fast", "upside down", "Upside Down"]


def with_prompts(bundle, folder, prompts, weights):
    shutil.copytree(bundle, folder)
    text = read_manifest(bundle).text.model_dump()
    text |= {"prompts": {**text["prompts"], "fast": prompts}, "weights": weights}
    amend(folder, {"text": text}, lambda complete: {})
    return Predictor(folder, "cpu").predict(make_signal(1), 500, prompts)


def test_a_prompt_counts_as_much_as_its_weight(clip_bundle_folder, tmp_path):
    scores = {}
    for name, weights in {"first": (1, 0), "second": (0, 1), "even": (0.5, 0.5), "mostly": (0.75, 0.25)}.items():
        answer = with_prompts(clip_bundle_folder, tmp_path / name, ("fast", "upside down"), {"fast": weights})
        scores[name] = answer["labels"][0]["score"]
    first, second = (expit(each["similarity"]) for each in answer["statements"])
    assert (scores["first"], scores["second"]) == (pytest.approx(first, rel=1e-5), pytest.approx(second, rel=1e-5))
    by_weight = [scores[name] for name in ("second", "even", "mostly", "first")]
    assert len(set(by_weight)) == 4
    assert abs(by_weight[2] - by_weight[3]) < abs(by_weight[1] - by_weight[3])


def test_a_bundle_without_weights_counts_its_prompts_alike(clip_bundle_folder, tmp_path):
    phrases = ("fast", "upside down")
    old = with_prompts(clip_bundle_folder, tmp_path / "old", phrases, {})
    even = with_prompts(clip_bundle_folder, tmp_path / "even", phrases, {"fast": (0.5, 0.5)})
    scores = [[label["score"] for label in answer["labels"]] for answer in (old, even)]
    assert scores[0] == pytest.approx(scores[1], rel=1e-6)


def test_any_phrase_has_an_answer_and_it_changes_no_other(clip):
    alone = clip.predict(make_signal(2), 500)
    phrases = ["", "ünïcode \U0001f600", "word " * 500, "fast"]
    asked = clip.predict(make_signal(2), 500, phrases)
    assert np.isfinite([statement["similarity"] for statement in asked["statements"]]).all()
    assert alone["statements"] == []
    assert alone["labels"] == asked["labels"]


def test_several_windows_have_the_mean_of_their_similarities(clip):
    long = clip.predict(make_signal(3, seconds=20), 500, ["fast"])
    preprocessing = Preprocessing.from_dict(clip.manifest.preprocessing)
    windows = preprocess(make_signal(3, seconds=20), 500, preprocessing).values
    each = clip.window_logits(windows, np.arange(2))[:, 0]  # the label's only prompt is the phrase
    assert long["windows"] == 2
    assert long["statements"][0]["similarity"] == pytest.approx(each.mean())


def test_a_model_that_knows_its_labels_only_says_so(predictor):
    with pytest.raises(NoTextSide, match="no text encoder"):
        predictor.predict(make_signal(1), 500, ["afib"])
