"""An ONNX file of a model says what torch says, and says what it needs."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from ml.bundles.bundle import read_manifest
from ml.bundles.network import of_bundle
from ml.inference.onnx_file import KEY, NoGraph, onnx_file
from ml.networks.ecg import EcgNetwork
from ml.networks.onnx_model import Calibration, whole_model
from ml.networks.resnet1d import Architecture
from ml.starter import BUNDLE
from tests.ml.conftest import make_window

TOLERANCE = 1e-5  # of logits and probabilities: docs/how-to/use_a_bundle.md says so


def windows(count):
    rng = np.random.default_rng(0)
    return np.stack([make_window(rng, int(rng.integers(4))) for _ in range(count)])


def runs(content):
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session, lambda given: session.run(["logits", "probabilities"], {"window": given})


@pytest.mark.parametrize("count", [1, 5])
def test_it_says_what_torch_says_for_any_number_of_windows(bundle_folder, count):
    manifest = read_manifest(bundle_folder)
    _, run = runs(onnx_file(bundle_folder))
    given = windows(count)
    logits, probabilities = run(given)
    with torch.inference_mode():
        expected = of_bundle(bundle_folder, manifest).eval()(torch.from_numpy(given)).double().numpy()
    calibrated = np.stack([label.probability(expected[:, k]) for k, label in enumerate(manifest.labels)], axis=1)
    assert logits == pytest.approx(expected, abs=TOLERANCE)
    assert probabilities == pytest.approx(calibrated, abs=TOLERANCE)


def test_a_clip_model_s_labels_are_in_it(clip_bundle_folder):
    manifest = read_manifest(clip_bundle_folder)
    model = of_bundle(clip_bundle_folder, manifest).eval()
    from ml.inference.onnx_file import _label_texts

    _, run = runs(onnx_file(clip_bundle_folder))
    given = windows(4)
    with torch.inference_mode():
        expected = model.encode_ecgs(torch.from_numpy(given)).double().numpy() @ _label_texts(model, manifest).T
    calibrated = np.stack([label.probability(expected[:, k]) for k, label in enumerate(manifest.labels)], axis=1)
    logits, probabilities = run(given)
    assert logits == pytest.approx(expected, abs=TOLERANCE)
    assert probabilities == pytest.approx(calibrated, abs=TOLERANCE)
    assert np.ptp(expected) > 100 * TOLERANCE


def test_calibration_by_steps_is_in_it():
    """Labels with steps, with one step, and without any, beside each other; logits below, between and above the knots."""
    torch.manual_seed(0)
    network = EcgNetwork(Architecture((1,), 4), 4).eval()
    knots = ((-0.2, 0.1), (0.0, 0.1), (0.1, 0.6), (0.3, 0.9))
    calibrations = [
        Calibration(1.0, 0.0, knots),
        Calibration(2.0, -0.5, ()),
        Calibration(1.0, 0.0, ((0.0, 0.3),)),
        Calibration(1.0, 0.0, ((-9.0, 0.0), (9.0, 1.0))),
    ]
    given = windows(40)
    with torch.inference_mode():
        spread, middle = torch.std_mean(network(torch.from_numpy(given)), dim=0)
        network.head.weight *= 0.3 / spread[:, None]
        network.head.bias -= middle
        network.head.bias -= network(torch.from_numpy(given)).mean(dim=0) - 0.05
    _, run = runs(whole_model(network, 2500, calibrations, texts=None, metadata={}))
    logits, probabilities = run(given)
    assert logits[:, 0].min() < -0.2 < 0.3 < logits[:, 0].max()
    by_steps = [np.interp(logits[:, k], *np.array(calibrations[k].knots).T) for k in (0, 2, 3)]
    assert probabilities[:, [0, 2, 3]] == pytest.approx(np.stack(by_steps, axis=1), abs=TOLERANCE)
    assert probabilities[:, 1] == pytest.approx(1 / (1 + np.exp(0.5 - 2 * logits[:, 1])), abs=TOLERANCE)


def test_it_says_what_a_program_has_to_know(bundle_folder):
    manifest = read_manifest(bundle_folder)
    content = onnx_file(bundle_folder)
    session, _ = runs(content)
    about = json.loads(session.get_modelmeta().custom_metadata_map[KEY])
    assert about["input"]["preprocessing"] == manifest.preprocessing
    assert about["input"]["leads"] == list(manifest.leads) and about["input"]["sampling_rate_hz"] == 250
    assert [each["threshold"] for each in about["labels"]] == [each.threshold for each in manifest.labels]
    assert about["weights_sha256"] == manifest.weights_sha256
    shapes = [(each.name, each.shape) for each in (*session.get_inputs(), *session.get_outputs())]
    assert shapes == [
        ("window", ["windows", 12, 2500]),
        ("logits", ["windows", 3]),
        ("probabilities", ["windows", 3]),
    ]
    assert onnx_file(bundle_folder) == content


def test_what_is_no_resnet_is_refused():
    with pytest.raises(NoGraph, match="starter model measures beats"):
        onnx_file(BUNDLE)


def test_the_child_says_why_or_writes_the_file(bundle_folder: Path, tmp_path: Path) -> None:
    def child(bundle: Path) -> object:
        command = [sys.executable, "-m", "ml.inference.onnx_file", str(bundle), str(tmp_path / "m.onnx")]
        return json.loads(subprocess.check_output(command))

    assert "starter model" in str(child(BUNDLE)) and not (tmp_path / "m.onnx").exists()
    assert child(bundle_folder) is None
    assert (tmp_path / "m.onnx").read_bytes() == onnx_file(bundle_folder)
