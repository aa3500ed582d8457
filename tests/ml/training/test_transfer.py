"""Fine-tuning, probes, parts of a batch, and shares of the labels."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from ml.bundles.bundle import read_manifest
from ml.training.loop import Training, run


def encoder(state):
    """The ECG encoder's weights, without the statistics of its batch normalisation."""
    return {
        name.removeprefix("ecg."): tensor
        for name, tensor in state.items()
        if name.removeprefix("ecg.").startswith("encoder.") and "running" not in name and "num_batches" not in name
    }


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture
def trained(bundle_folder):
    return load_file(bundle_folder / "weights.safetensors")


def test_fine_tuning_begins_with_the_bundle_s_weights_head_included(make_run, said, bundle_folder, trained):
    training = Training(make_run(start_from=str(bundle_folder)), said)
    assert same(dict(training.model.state_dict()), trained)
    result = training.run()
    assert result["weights_sha256"] != read_manifest(bundle_folder).weights_sha256
    manifest = read_manifest(training.folder / "bundle")
    assert manifest.training["started_from"] == read_manifest(bundle_folder).weights_sha256


def test_other_labels_have_a_head_of_their_own(make_run, said, bundle_folder, trained, monkeypatch):
    training = Training(make_run(start_from=str(bundle_folder)), said)
    labels = [("fast", "Fast"), ("never", "Never"), ("upside_down", "Upside down")]
    original = type(training.store).__init__

    def in_another_order(self, folder):
        original(self, folder)
        self.labels = labels

    monkeypatch.setattr(type(training.store), "__init__", in_another_order)
    other = Training(make_run("other", start_from=str(bundle_folder)), said)
    assert same(encoder(other.model.state_dict()), encoder(trained))
    assert not torch.equal(other.model.head.weight, trained["head.weight"])


@pytest.mark.parametrize("start", [True, False])
def test_a_linear_probe_changes_the_head_alone(make_run, said, bundle_folder, start):
    options = {"start_from": str(bundle_folder)} if start else {}
    training = Training(make_run(freeze_encoder=True, epochs=2, **options), said)
    before = training._weights()
    training.run()
    after = load_file(training.folder / "bundle/weights.safetensors")
    assert same(encoder(before), encoder(after))
    assert not torch.equal(before["head.weight"], after["head.weight"])
    # a random encoder has no statistics worth keeping, a trained one does
    kept = torch.equal(before["encoder.1.running_mean"], after["encoder.1.running_mean"])
    assert kept == start


def test_a_clip_model_can_start_from_a_classifier_and_the_other_way_round(
    make_run, said, bundle_folder, clip_bundle_folder, trained
):
    clip = Training(make_run("a", paradigm="clip", preset="test", start_from=str(bundle_folder)), said)
    assert same(encoder(clip.model.state_dict()), encoder(trained))
    supervised = Training(make_run("b", start_from=str(clip_bundle_folder)), said)
    assert same(encoder(supervised.model.state_dict()), encoder(load_file(clip_bundle_folder / "weights.safetensors")))


def test_a_clip_model_goes_on_from_a_clip_model_with_its_words(make_run, said, clip_bundle_folder):
    options = {"paradigm": "clip", "preset": "test", "start_from": str(clip_bundle_folder)}
    training = Training(make_run(contrastive={"targets": "sigmoid"}, **options), said)
    theirs = load_file(clip_bundle_folder / "weights.safetensors")
    mine = dict(training.model.state_dict())
    assert mine.pop("bias") == -10
    assert same(mine, theirs)
    assert training.text.tokenizer == read_manifest(clip_bundle_folder).text.tokenizer


def test_in_parts_a_batch_has_the_gradient_of_the_whole(make_run, said, bundle_folder, monkeypatch):
    monkeypatch.setattr("ml.paradigms.losses.supervised.weak", lambda windows: windows)
    gradients = []
    for accumulate in (1, 4):
        # with the statistics kept, windows do not see each other
        options = {"freeze_encoder": True, "start_from": str(bundle_folder), "accumulate": accumulate}
        training = Training(make_run(str(accumulate), **options), said)
        training.model.train()
        parts, batches = training._read(next(iter(training.order.epoch(0))))
        assert len(batches) == accumulate
        training._step(parts, batches)
        gradients.append(training.model.head.weight.grad)
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-6)


def test_a_share_of_the_labels_is_a_share_of_the_patients(make_run, said):
    whole = Training(make_run("whole"), said)
    some = Training(make_run("some", labelled_fraction=0.25), said)
    patients = [len(set(each.store.column("patient")[each.train_rows])) for each in (whole, some)]
    assert patients[1] == -(-patients[0] // 4)
    assert np.isin(some.train_rows, whole.train_rows).all()


def test_scalars_of_a_contrastive_loss_do_not_decay(make_run, said):
    config = {"paradigm": "clip", "preset": "test", "contrastive": {"targets": "sigmoid"}, "weight_decay": 0.5}
    training = Training(make_run(**config), said)
    weights, scalars, text = training.optimizer.param_groups
    assert [group["weight_decay"] for group in (weights, scalars, text)] == [0.5, 0.0, 0.5]
    assert scalars["params"] == [training.model.log_scale, training.model.bias]
    assert training.model.scale().item() == pytest.approx(1 / 0.07)


def test_the_temperature_never_gets_hotter_than_a_hundredth(make_run, said):
    training = Training(make_run(paradigm="negclip", preset="test", epochs=1), said)
    with torch.no_grad():
        training.model.log_scale.fill_(9.0)
    training._train_epoch()
    assert training.model.scale().item() <= 100 * 1.01  # one step after the last clamp


def test_half_precision_trains_to_finite_weights_in_full_precision(make_run, said):
    for paradigm in ("supervised", "negclip"):
        folder = make_run(paradigm, paradigm=paradigm, preset="test", epochs=1, precision="bf16")
        run(folder, said)
        weights = load_file(folder / "bundle/weights.safetensors")
        assert all(tensor.isfinite().all() for tensor in weights.values())
        assert weights["log_scale" if paradigm == "negclip" else "head.weight"].dtype == torch.float32


def test_self_training_says_how_much_each_label_s_mask_keeps(make_run, said, unlabelled_folder):
    options = {"mask": "class_two_sided", "alpha": 0.6}
    config = {"paradigm": "self_training", "unlabelled": str(unlabelled_folder), "self_training": options}
    run(make_run(epochs=1, **config), said)
    [event] = said.of("metrics")
    assert event["mask_rate"].keys() == {"fast", "upside_down", "never"}
    assert all(0 <= rate <= 1 for rate in event["mask_rate"].values())
    assert event["train_loss"] == pytest.approx(event["supervised_loss"] + event["unsupervised_loss"], rel=1e-5)


def test_clip_learns_to_rank_by_phrases(make_run, said):
    options = {"paradigm": "clip", "preset": "test", "contrastive": {"targets": "multi_positive"}}
    run(make_run(epochs=20, learning_rate=5e-3, **options), said)
    best = max(event["validation_macro_auprc"] for event in said.of("metrics"))
    assert best > 0.8


def test_whole_reports_are_learnt_from_too(make_run, said):
    training = Training(make_run(paradigm="negclip", preset="test", epochs=1, contrastive={"unit": "report"}), said)
    assert "fast; nothing else" in training.paradigm._captions.texts
    training.run()
    assert said.of("metrics")[0]["hard_negatives"] > 0
