import json
import math
import threading
from typing import get_args

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from ml.bundles.bundle import amend, read_manifest
from ml.corpus.store import StoreWriter
from ml.evaluation.report import metrics_of, scored_with
from ml.inference.predictor import Predictor
from ml.networks.resnet1d import PRESETS as NETWORKS
from ml.paradigms.paradigm import Outcome
from ml.processes.run_folder import alone_in
from ml.signals import Preprocessing
from ml.training import checkpoint
from ml.training.configuration import Config, Encoder, Preset
from ml.training.loop import Training, run
from ml.training.presets import PRESETS


class Killed(Exception):
    pass


def weights(folder):
    return load_file(folder / "bundle/weights.safetensors")


def assert_same(one, other):
    """Bit for bit, all the way down."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, list):
        assert len(one) == len(other)
        for pair in zip(one, other, strict=True):
            assert_same(*pair)
    else:
        assert one == other


def test_training_learns_what_can_be_seen_and_says_how(make_run, said):
    folder = make_run(epochs=6)
    result = run(folder, said)
    manifest = read_manifest(folder / "bundle")
    test = manifest.metrics["overread"]
    assert test["labels"]["fast"]["auroc"] > 0.9
    assert test["labels"]["never"]["auroc"] is None
    assert manifest.metrics["machine"]["labels"]["fast"]["windows"] < test["labels"]["fast"]["windows"]
    never = manifest.labels[2]
    assert (never.threshold, never.threshold_rule, never.calibration_rule) == (0.5, "default", "identity")
    assert result == {"weights_sha256": manifest.weights_sha256, "best_epoch": manifest.training["best_epoch"]}
    assert [event["epoch"] for event in said.of("metrics")] == [1, 2, 3, 4, 5, 6]
    fractions = [event["fraction"] for event in said.of("progress")]
    assert fractions == sorted(fractions) and fractions[0] > 0 and fractions[-1] <= 1


RUNS = {
    "supervised": {},
    "self_training": {
        **{"paradigm": "self_training", "self_training": {"alpha": 0.6, "batch_size": 6}},
        **{"ema_decay": 0.9},
    },
    "negclip": {
        **{"paradigm": "negclip", "preset": "test", "contrastive": {"targets": "sigmoid"}},
        **{"max_steps": 9, "warmup_steps": 3, "text_learning_rate": 1e-3, "clip_gradients": 1.0},
    },
}


@pytest.mark.parametrize(
    ("name", "killed_in", "call"),
    [  # an epoch has four steps, a checkpoint every three, and one at its end
        *[pytest.param(name, "_step", 7, id=f"{name}, after an epoch") for name in RUNS],
        *[pytest.param(name, "_step", 8, id=f"{name}, in the middle of an epoch") for name in RUNS],
        pytest.param("supervised", "_step", 1, id="in the first step"),
        pytest.param("supervised", "_validate", 2, id="before an epoch is measured"),
        pytest.param("negclip", "_validate", 3, id="before an epoch that the budget cuts is measured"),
        pytest.param("supervised", "_checkpoint", 5, id="before a checkpoint"),
        pytest.param("supervised", "_finish", 1, id="before the bundle"),
    ],
)
def test_killed_and_resumed_it_ends_with_the_same_weights(
    make_run, said, monkeypatch, unlabelled_folder, name, killed_in, call
):
    config = {"epochs": 3, "checkpoint_steps": 3, "batch_size": 8, **RUNS[name]}
    if name == "self_training":
        config["unlabelled"] = str(unlabelled_folder)
    whole, broken = make_run("whole", **config), make_run("broken", **config)
    run(whole, said)

    original = getattr(Training, killed_in)
    calls = []

    def dies(self, *arguments):
        calls.append(killed_in)
        if len(calls) == call:
            raise Killed
        return original(self, *arguments)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Training, killed_in, dies)
        run(broken, said)
    torch.manual_seed(99)  # whatever ran in between
    run(broken, said)

    before, after = (torch.load(folder / "checkpoint.pt", weights_only=True) for folder in (whole, broken))
    assert_same(before, after)  # the last epoch's, for the best may be older than the kill
    assert_same(weights(whole), weights(broken))
    lines = [(folder / "steps.jsonl").read_text() for folder in (whole, broken)]
    assert lines[0] == lines[1]
    assert [json.loads(line)["step"] for line in lines[0].splitlines()] == list(range(1, before["step"] + 1))
    manifests = [read_manifest(folder / "bundle") for folder in (whole, broken)]
    assert manifests[0].metrics == manifests[1].metrics
    assert manifests[0].labels == manifests[1].labels
    epochs = {event["epoch"]: event for event in said.of("metrics")}  # said again, it is the same
    assert all(event == epochs[event["epoch"]] for event in said.of("metrics"))


def test_a_run_goes_on_from_the_step_of_its_last_checkpoint(make_run, said, monkeypatch):
    folder = make_run(epochs=2, checkpoint_steps=3)
    steps = []

    def dies(self, parts, batches):
        steps.append(self.step)
        if len(steps) == 6:
            raise Killed
        return original(self, parts, batches)

    original = Training._step
    with pytest.raises(Killed), monkeypatch.context() as patch:
        patch.setattr(Training, "_step", dies)
        run(folder, said)
    run(folder, said)
    assert [(event["epoch"], event["step"]) for event in said.of("resumed")] == [(1, 4)]


def test_the_best_weights_are_kept_not_the_last(make_run, said, monkeypatch):
    auprcs = iter([0.2, 0.9, 0.5, 0.4, 0.3])
    seen = {}

    class Watched(Training):
        def _validate(self):
            seen[self.epoch] = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
            return next(auprcs)

    folder = make_run(epochs=5)
    result = Watched(folder, said).run()
    assert result["best_epoch"] == 2
    saved = weights(folder)
    assert all(torch.equal(saved[name], seen[2][name]) for name in saved)
    assert not torch.equal(saved["head.weight"], seen[5]["head.weight"])


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_what_is_measured_is_what_is_saved(make_run, said, monkeypatch, precision):
    auprcs = iter([0.9, 0.5, 0.4])
    monkeypatch.setattr(Training, "_validate", lambda self: next(auprcs))
    folder = make_run(epochs=3, precision=precision)
    training = Training(folder, said)
    training.run()
    amend(folder / "bundle", {"integers": None}, lambda complete: {})
    predictor = Predictor(folder / "bundle", "cpu")
    rows = training.store.rows("test")
    logits = predictor.window_logits(training.store.windows, rows)
    measured = metrics_of(training.store, scored_with(predictor.manifest.labels, rows, logits), "positive")
    trained = predictor.manifest.metrics["overread"]["labels"]["fast"]
    assert trained["brier"] == pytest.approx(measured["overread"]["labels"]["fast"]["brier"], rel=1e-6)


def test_measuring_changes_nothing(make_run, said):
    training = Training(make_run(), said)
    training._train_epoch()
    before = training._weights()
    one_by_one = [training._logits(training.validation_rows[k : k + 1])[0] for k in range(4)]
    np.testing.assert_allclose(training._logits(training.validation_rows[:4]), one_by_one, rtol=1e-4, atol=1e-5)
    assert_same(before, training._weights())


def test_it_stops_when_nothing_gets_better(make_run, said, monkeypatch):
    auprcs = iter([0.2, 0.9, *[0.5] * 10])
    monkeypatch.setattr(Training, "_validate", lambda self: next(auprcs))
    folder = make_run(epochs=12, patience=3)
    run(folder, said)
    assert len(said.of("metrics")) == 5
    assert read_manifest(folder / "bundle").training["ended_after"] == 5


def test_where_validation_cannot_compare_the_last_epoch_is_kept(make_run, said, monkeypatch):
    monkeypatch.setattr(Training, "_validate", lambda self: math.nan)
    result = run(make_run(epochs=4, patience=1), said)
    assert result["best_epoch"] == 4
    assert said.of("metrics")[0]["validation_macro_auprc"] is None


def test_a_loss_that_is_no_number_ends_the_run(make_run, said):
    training = Training(make_run(), said)
    training.paradigm.loss = lambda batch: Outcome(training.model.head.bias.sum() * math.nan)
    with pytest.raises(RuntimeError, match="not finite in epoch 1"):
        training.run()


def test_another_run_s_checkpoint_is_refused(make_run, said):
    folder = make_run(epochs=1)
    run(folder, said)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "learning_rate": 0.1}))
    with pytest.raises(ValueError, match="another run's"):
        run(folder, said)


CHECKPOINT = {"epochs": 3, "preset": "test", "self_training": {"alpha": 0.95, "weight": 1.0}}


@pytest.mark.parametrize(
    ("now", "said", "theirs"),
    [
        ({}, {}, False),
        ({"ema_decay": 0.9}, {"ema_decay": 0.9}, True),
        ({"clip_gradients": False}, {}, False),
        ({"self_training": {"alpha": 0.95, "weight": 1.0, "rounds": 1}}, {"self_training": {}}, False),
        ({"self_training": {"alpha": 0.95, "weight": 1.0, "rounds": 2}}, {"self_training": {"rounds": 2}}, True),
        ({"self_training": {"alpha": 0.9, "weight": 1.0}}, {"self_training": {"alpha": 0.9}}, True),
        ({"self_training": {"alpha": 0.95}}, {"self_training": {}}, True),
        ({"epochs": 4}, {"epochs": 4}, True),
    ],
    ids=["same", "new, said", "new, default", "new in a section", "new in a section, said", "other", "gone", "longer"],
)
def test_a_checkpoint_of_an_earlier_release_belongs_to_a_run_whose_new_settings_have_their_defaults(
    tmp_path, now, said, theirs
):
    checkpoint.write(tmp_path, {"run": CHECKPOINT, "step": 7})
    said = {"epochs": 3, "preset": "test", **said}
    if theirs:
        with pytest.raises(ValueError, match="another run's"):
            checkpoint.read(tmp_path, {**CHECKPOINT, **now}, said)
    else:
        assert checkpoint.read(tmp_path, {**CHECKPOINT, **now}, said)["step"] == 7


def test_a_run_goes_on_from_a_checkpoint_that_knows_fewer_settings(make_run, said):
    folder = make_run(epochs=1)
    run(folder, said)
    state = torch.load(folder / checkpoint.FILE, weights_only=True)
    for name in ("min_steps", "accumulate", "weight_decay"):
        del state["run"][name]
    checkpoint.write(folder, state)
    run(folder, said)
    assert said.of("resumed")


@pytest.mark.parametrize(
    "wrong",
    [
        {"preset": "huge"},
        {"epochs": 0},
        {"colour": "red"},
        {"hedged": "maybe"},
        {"alpha": 0.9},
        {"self_training": {"alpha": 0.9}},
        {"unlabelled": "/somewhere"},
        {"contrastive": {"targets": "diagonal"}},
        {"paradigm": "clip", "contrastive": {"target": "diagonal"}},
        {"paradigm": "clip", "freeze_encoder": True},
        {"text_learning_rate": 1e-3},
        {"min_steps": 5, "max_steps": 4},
        {"paradigm": "clip", "text": {"width": 100, "heads": 3}},
        {"paradigm": "clip", "text": {"width": 64}, "preset": "huge"},
        {"batch_size": 4, "accumulate": 5},
    ],
)
def test_a_configuration_that_is_none_is_refused(make_run, said, wrong):
    with pytest.raises(ValueError, match=list(wrong)[-1]):
        Training(make_run(**wrong), said)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"paradigm": "self_training"}, "needs an unlabelled dataset"),
        ({"paradigm": "negclip", "label_source": "machine"}, "learns from over-reads"),
    ],
)
def test_a_paradigm_without_what_it_learns_from_is_refused(make_run, said, wrong, why):
    with pytest.raises(ValueError, match=why):
        Training(make_run(**wrong), said)


def test_without_a_reading_there_is_nothing_to_train_on(make_run, said, tmp_path):
    with StoreWriter(tmp_path / "unread", [("a", "A")], Preprocessing().to_dict()) as writer:
        for number in range(6):
            row = {"ecg_id": str(number), "start_s": 0.0, "patient": str(number), "overread_present": number % 2}
            writer.append(np.zeros((1, 12, 2500), np.float32), [{**row, "overread_uncertain": 0}])
        writer.finish(0)
    with pytest.raises(ValueError, match="no window of the train split has a machine report"):
        Training(make_run(dataset=str(tmp_path / "unread"), label_source="machine"), said)


def test_the_paper_s_setting_is_the_default(store_folder):
    config = Config(dataset=store_folder)
    assert (config.encoder, config.epochs, config.batch_size, config.patience) == ("resnet50", 100, 512, 10)
    assert (config.learning_rate, config.weight_decay) == (1e-4, 1e-4)
    negclip = Config(dataset=store_folder, paradigm="negclip")
    assert (negclip.batch_size, negclip.text.layers, negclip.text.width, negclip.text.dimension) == (256, 12, 512, 512)


def test_a_preset_gives_way_to_what_is_said(store_folder):
    config = Config(dataset=store_folder, paradigm="clip", preset="test", epochs=9, text={"layers": 1})
    assert (config.encoder, config.epochs, config.text.layers, config.text.width) == ("tiny", 9, 1, 32)


def test_the_names_of_encoders_are_the_networks():
    assert set(get_args(Encoder)) == set(NETWORKS)
    assert set(get_args(Preset)) == set(PRESETS)


def test_the_schedule_is_one_cosine_down_to_nothing(make_run, said):
    training = Training(make_run(epochs=3), said)
    rates = []
    training.optimizer.register_step_pre_hook(lambda optimizer, *_: rates.append(optimizer.param_groups[0]["lr"]))
    training.run()
    steps = 3 * math.ceil(len(training.train_rows) / 8)
    expected = [3e-3 * (1 + math.cos(math.pi * step / steps)) / 2 for step in range(steps)]
    assert rates == pytest.approx(expected)


def test_the_text_tower_has_a_rate_of_its_own(make_run, said):
    training = Training(make_run(paradigm="negclip", preset="test", text_learning_rate=5e-4, epochs=1), said)
    rate_of = {each: group["lr"] for group in training.optimizer.param_groups for each in group["params"]}
    assert rate_of.keys() == set(training.model.parameters())
    for name, each in training.model.named_parameters():
        assert rate_of[each] == (5e-4 if name.startswith("text.") else 3e-3)


def test_a_budget_of_steps_ends_the_run_in_the_middle_of_an_epoch(make_run, said):
    folder = make_run(epochs=100, max_steps=6)
    run(folder, said)
    assert [event["epoch"] for event in said.of("metrics")] == [1, 2]  # of four steps and of two, each measured
    assert torch.load(folder / "checkpoint.pt", weights_only=True)["step"] == 6
    assert read_manifest(folder / "bundle").training["ended_after"] == 2


def test_nothing_ends_a_run_before_its_least_steps(make_run, said, monkeypatch):
    auprcs = iter([0.9, *[0.5] * 10])
    monkeypatch.setattr(Training, "_validate", lambda self: next(auprcs))
    run(make_run(epochs=12, patience=1, min_steps=14), said)
    assert len(said.of("metrics")) == 4


def test_a_step_s_line_says_loss_rates_and_gradient(make_run, said):
    training = Training(
        make_run(paradigm="negclip", preset="test", text_learning_rate=5e-4, epochs=2, accumulate=2), said
    )
    training.run()
    lines = [json.loads(line) for line in (training.folder / "steps.jsonl").read_text().splitlines()]
    assert [(line["step"], line["epoch"]) for line in lines] == [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2), (6, 2)]
    assert lines[0].keys() == {"step", "epoch", "loss", "learning_rate", "text_learning_rate", "gradient_norm"}
    assert lines[0]["text_learning_rate"] == pytest.approx(5e-4 / 3, rel=1e-5)  # the first of three steps of warm-up
    sizes = [8, 8, len(training.train_rows) - 16]
    for event in said.of("metrics"):
        losses = [line["loss"] for line in lines if line["epoch"] == event["epoch"]]
        assert np.average(losses, weights=sizes) == pytest.approx(event["train_loss"], rel=1e-4)


def test_the_average_is_measured_and_saved_and_the_weights_train_on(make_run, said):
    folder = make_run(epochs=1, ema_decay=0.9)
    training = Training(folder, said)
    training.run()
    state = torch.load(folder / "checkpoint.pt", weights_only=True)
    saved = weights(folder)
    for name, average in state["average"].items():
        assert torch.equal(saved[name], average)
    assert not torch.equal(state["model"]["head.weight"], saved["head.weight"])


@pytest.mark.parametrize("given", [{"ema_decay": 0.9}, {"paradigm": "self_training"}])
def test_batch_normalisation_of_a_bundle_knows_windows_as_they_are(make_run, said, unlabelled_folder, given):
    if "paradigm" in given:
        given = {**given, "unlabelled": str(unlabelled_folder)}
    folder = make_run(epochs=1, **given)
    training = Training(folder, said)
    training.run()
    saved = weights(folder)
    windows = torch.from_numpy(training.store.windows[training.train_rows].astype(np.float32))
    first = torch.nn.functional.conv1d(windows, saved["encoder.0.weight"], stride=2, padding=3)
    torch.testing.assert_close(saved["encoder.1.running_mean"], first.mean(dim=(0, 2)), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("targets", ["masked", "bank"])
def test_a_contrastive_batch_in_parts_compares_all_of_it(make_run, said, targets):
    """Whole and in parts: the same loss and gradient, once batch normalisation is set aside."""
    found = []
    for parts in (1, 3):
        given = {"paradigm": "negclip", "preset": "test", "contrastive": {"targets": targets}, "batch_size": 12}
        training = Training(make_run(f"{parts}", accumulate=parts, **given), said)
        training.model.eval()
        (part,) = next(iter(training.order.epoch(0)))
        torch.manual_seed(part.seed)
        outcome = training.paradigm.loss(training._batch(part.rows, None))
        outcome.loss.backward()
        found.append((outcome.loss, {name: each.grad for name, each in training.model.named_parameters()}))
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-6)


def test_a_gradient_is_no_longer_than_said(make_run, said):
    def lengths(**given):
        training = Training(make_run(epochs=1, **given), said)
        found = []
        training.optimizer.register_step_pre_hook(
            lambda *_: found.append(torch.nn.utils.get_total_norm([p.grad for p in training.model.parameters()]).item())
        )
        training._train_epoch()
        return found

    free, clipped = lengths(), lengths(name="clipped", clip_gradients=0.1)
    assert min(free) > 0.1
    assert clipped == pytest.approx([0.1] * len(clipped), rel=1e-3)


def test_a_second_child_waits_for_the_first(tmp_path):
    order = []

    def second():
        with alone_in(tmp_path):
            order.append("second")

    with alone_in(tmp_path):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.3)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
