"""How the starter model learns, and what it says."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from ml.bundles.bundle import read_manifest, read_weights
from ml.corpus.simulator.heart import record
from ml.inference.predictor import Predictor
from ml.measurements import limb_amplitudes
from ml.networks.beatnet import BEAT_PRESETS, FOREST_MEASUREMENTS, BeatNet
from ml.networks.forest import Forest
from ml.rules.measured import RULES_SHA256
from ml.starter import BUNDLE
from ml.starter.augmentation import vary
from ml.starter.forest import TREES, booster, grow
from ml.starter.ptbxl import LABELS, label, read_examples
from ml.starter.train import take_towers

MAX_BUNDLE_BYTES = 8_000_000


def test_labels_are_those_of_the_scoring_script(shared: Path) -> None:
    spec = importlib.util.spec_from_file_location("score", shared / "ptbxl/score.py")
    assert spec is not None and spec.loader is not None
    score = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(score)
    table = score.load_table()
    positive, known = score.build_labels(table)
    assert list(LABELS) == score.KEYS
    axes, reports = table.heart_axis.fillna(""), table.report.fillna("")
    for row, (codes, axis, report) in enumerate(zip(table.scp, axes, reports, strict=True)):
        expected = {key: bool(positive[row, k]) if known[row, k] else None for k, key in enumerate(score.KEYS)}
        assert label(codes, axis, report) == expected


def test_examples_are_read_once_each_with_their_folds(shared: Path, tmp_path: Path) -> None:
    header = "ecg_id,strat_fold,report,scp_codes,heart_axis\n"
    rows = "1,3,sinusrhythmus,\"{'NORM': 100.0, 'SR': 0.0}\",\n24,3,,\"{'AFIB': 0.0}\",ALAD\n5,1,,\"{}\",\n"
    (tmp_path / "ptbxl_database.csv").write_text(header + rows)
    (tmp_path / "records500").symlink_to(shared / "ptbxl/records500")
    examples = read_examples(tmp_path)
    assert set(examples.ecg_ids) <= {1, 24, 5} and examples.windows.shape[1:] == (12, 2500)
    sinus, axis = list(LABELS).index("sinus_rhythm"), list(LABELS).index("lad")
    first = examples.ecg_ids.tolist().index(1)
    assert examples.positive[first, sinus] and not examples.known[first, axis]
    assert examples.folds[first] == 3


def test_a_varied_copy_obeys_the_laws_of_the_limb_leads() -> None:
    signal = record({"sinus_rhythm"}, np.random.default_rng(1)).millivolts()[:, ::2]
    window = (signal - signal.mean(1, keepdims=True)) / signal.std(1, keepdims=True)
    varied = vary(window.astype(np.float32), np.random.default_rng(2))
    leads = varied[:6] * limb_amplitudes(varied)[:, None]
    assert 0.6 * 2500 < varied.shape[1] <= 2500 and not np.allclose(varied[0, :1000], window[0, :1000], atol=0.1)
    assert np.allclose(leads[1], leads[0] + leads[2], atol=0.02)
    assert np.allclose(leads[5], (leads[1] + leads[2]) / 2, atol=0.02)


def test_the_layer_says_what_the_trees_say() -> None:
    rng = np.random.default_rng(0)
    measurements = rng.standard_normal((300, 10)).astype(np.float32)
    positive = measurements[:, 0] + 0.5 * rng.standard_normal(300) > 0
    forest = Forest(outputs=2, trees=TREES, nodes=15, depth=7)
    grow(forest, 1, measurements, positive, seeds=[3])
    trees = booster(leaves=8, depth=7, seed=3).fit(measurements, positive)
    unseen = rng.standard_normal((200, 10)).astype(np.float32)
    said = forest(torch.from_numpy(unseen))
    assert np.allclose(said[:, 1], trees.decision_function(unseen), atol=1e-3)
    assert not said[:, 0].any()


def test_a_network_takes_the_towers_of_a_bundle_and_keeps_its_forest() -> None:
    net = BeatNet(BEAT_PRESETS["starter"], len(LABELS))
    before = net.forest.start.fill_(7.0).clone()
    take_towers(net, BUNDLE)
    shipped = read_weights(BUNDLE, read_manifest(BUNDLE))
    assert torch.equal(net.forest.start, before) and not torch.equal(shipped["forest.start"], before)
    towers = {name: tensor for name, tensor in net.state_dict().items() if not name.startswith("forest.")}
    assert towers and all(torch.equal(tensor, shipped[name]) for name, tensor in towers.items())


def test_what_ships_is_small_and_says_what_it_is() -> None:
    assert sum(path.stat().st_size for path in BUNDLE.iterdir()) <= MAX_BUNDLE_BYTES
    manifest = read_manifest(BUNDLE)
    assert [each.key for each in manifest.labels] == list(LABELS)
    assert manifest.training["measurements"] == list(FOREST_MEASUREMENTS), "measurements changed: train the model again"
    assert manifest.training["rules_sha256"] == RULES_SHA256, "rules changed: train the model again"
    card = (BUNDLE / "card.md").read_text()
    assert "Not for clinical use" in card and "PTB-XL" in card and "CC BY 4.0" in card
    assert {path.suffix for path in BUNDLE.iterdir() if path.is_file()} == {".safetensors", ".json", ".md", ".sha256"}


@pytest.mark.parametrize(
    ("simulated", "key"),
    [("afib", "afib"), ("lbbb", "lbbb"), ("rbbb", "rbbb"), ("lad", "lad"), ("rad", "rad"), ("rsad", "rsad")],
)
def test_it_sees_in_simulated_hearts_what_was_simulated(simulated: str, key: str) -> None:
    predictor = Predictor(BUNDLE, "cpu")
    rhythm = {"sinus_rhythm"} if simulated != "afib" else set()
    with_it = [_probability(predictor, {simulated} | rhythm, key, seed) for seed in range(4)]
    without = [_probability(predictor, {"sinus_rhythm"}, key, seed) for seed in range(4)]
    assert np.mean(with_it) > np.mean(without)


def _probability(predictor: Predictor, labels: set[str], key: str, seed: int) -> float:
    recording = record(labels, np.random.default_rng(seed))
    answer = predictor.predict(recording.millivolts(), recording.sampling_rate_hz)
    return float(next(each["probability"] for each in answer["labels"] if each["label"] == key))
