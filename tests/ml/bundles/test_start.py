"""A run starts from the weights that a public encoder's authors give out."""

import hashlib
import json
import pickle
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from ml.bundles.bundle import InvalidBundle, read_manifest
from ml.bundles.patients import read_seen
from ml.bundles.start import Start, started_from
from ml.inference.onnx_file import NoGraph, onnx_file
from ml.inference.predictor import Predictor
from ml.networks.ecg import EcgNetwork
from ml.training.loop import Training
from tests.ml.conftest import make_window
from tests.ml.networks.test_ecg_fm import SMALL as ECG_FM_SMALL
from tests.ml.networks.test_ecg_fm import published as ecg_fm_published
from tests.ml.networks.test_net1d import SMALL, published


@pytest.fixture
def checkpoint(tmp_path):
    """As ECGFounder is given out: weights beside the step and a figure of NumPy."""
    folder = tmp_path / "ecgfounder"
    folder.mkdir()
    content = {"step": 30200, "val_auroc": np.float64(0.92), "state_dict": published(SMALL)}
    torch.save(content, folder / "12_lead_ECGFounder.pth")
    return folder


def test_a_run_starts_from_a_checkpoint_and_ends_with_a_bundle(make_run, said, checkpoint):
    training = Training(make_run(start_from=str(checkpoint), epochs=1), said)
    own = training.model.encoder.state_dict()
    assert all(torch.equal(own[name], published(SMALL)[name]) for name in own)
    training.run()
    bundle = training.folder / "bundle"
    manifest = read_manifest(bundle)
    assert (manifest.architecture, manifest.net1d.filters, manifest.integers) == ("net1d", SMALL.filters, None)
    content = (checkpoint / "12_lead_ECGFounder.pth").read_bytes()
    assert manifest.training["started_from"] == hashlib.sha256(content).hexdigest()
    assert not read_seen(bundle, manifest).complete  # nobody says whose ECGs the checkpoint has seen
    window = make_window(np.random.default_rng(0), 1)[None]
    logits = Predictor(bundle, "cpu").window_logits(window, np.array([0]))
    network = EcgNetwork(SMALL, 3).eval()
    network.load_state_dict(load_file(bundle / "weights.safetensors"))
    with torch.inference_mode():
        assert logits == pytest.approx(network(torch.from_numpy(window)).numpy(), abs=1e-5)
    again = Training(make_run("again", start_from=str(bundle), epochs=1), said)
    assert torch.equal(again.model.head.weight, network.head.weight)
    with pytest.raises(NoGraph, match="only ResNets"):
        onnx_file(bundle)


def test_a_linear_probe_and_a_clip_model_start_from_it_too(make_run, said, checkpoint):
    probe = Training(make_run("probe", start_from=str(checkpoint), epochs=1, freeze_encoder=True), said)
    probe.run()
    weights = load_file(probe.folder / "bundle/weights.safetensors")
    assert all(
        torch.equal(weights[f"encoder.{name}"], each) for name, each in Start(checkpoint)._public.weights.items()
    )
    clip = Training(make_run("clip", start_from=str(checkpoint), paradigm="clip", preset="test"), said)
    assert clip.model.ecg.made_from == SMALL


def test_ecg_fm_is_another_network_and_its_bundle_too(make_run, said, tmp_path):
    folder = tmp_path / "ecg_fm"
    folder.mkdir()
    torch.save({"args": None, "model": ecg_fm_published()}, folder / "mimic_iv_ecg_physionet_pretrained.pt")
    training = Training(make_run(start_from=str(folder), epochs=1), said)
    training.run()
    bundle = training.folder / "bundle"
    manifest = read_manifest(bundle)
    assert (manifest.architecture, manifest.ecg_fm.width, manifest.net1d) == ("ecg_fm", ECG_FM_SMALL.width, None)
    window = make_window(np.random.default_rng(0), 1)[None]
    logits = Predictor(bundle, "cpu").window_logits(window, np.array([0]))
    network = EcgNetwork(ECG_FM_SMALL, 3).eval()
    network.load_state_dict(load_file(bundle / "weights.safetensors"))
    with torch.inference_mode():
        assert logits == pytest.approx(network(torch.from_numpy(window)).numpy(), abs=1e-5)


def test_safetensors_and_a_prefix_of_several_gpus_are_read(checkpoint, tmp_path):
    folder = tmp_path / "other"
    folder.mkdir()
    save_file(
        {f"module.{name}": each.contiguous() for name, each in published(SMALL).items()}, folder / "m.safetensors"
    )
    one, other = Start(checkpoint), Start(folder)
    assert one.encoder == other.encoder == SMALL
    assert started_from(checkpoint) != started_from(folder)


class Planted:
    def __reduce__(self):
        return (exec, ("raise SystemExit('this was run')",))


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "neither bundle.json nor a file of weights"),
        ({"a.pth": b"", "b.pt": b""}, "a.pth, b.pt"),
        ({"a.pth": pickle.dumps({"state_dict": Planted()}, protocol=2)}, "is not unpickled"),
        ({"a.pth": b"damaged"}, "is not unpickled"),
        ({"a.safetensors": b"damaged"}, "a.safetensors is damaged"),
        ({"a.safetensors": b"\x02\0\0\0\0\0\0\0{}"}, "no encoder that is known"),
    ],
)
def test_what_is_no_encoder_is_refused_and_never_run(make_run, said, tmp_path, files, words):
    folder = tmp_path / "start"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    with pytest.raises(InvalidBundle, match=words):
        Training(make_run(start_from=str(folder)), said)


def test_an_object_in_a_checkpoint_is_not_made(tmp_path):
    torch.save({"state_dict": published(SMALL), "cfg": Planted()}, tmp_path / "planted.pth")
    with pytest.raises(InvalidBundle, match="save its weights as safetensors once"):
        Start(tmp_path)


@pytest.mark.parametrize(
    "net1d",
    [
        {"width": 6, "filters": [6, 8], "blocks": [2], "kernel": 5, "group": 2},
        {"width": 6, "filters": [6, 9], "blocks": [2, 1], "kernel": 5, "group": 2},
        {"width": 6, "filters": [6, 10**6], "blocks": [2, 1], "kernel": 5, "group": 2},
        None,
    ],
)
def test_a_bundle_whose_shape_cannot_be_is_refused(bundle_folder, tmp_path, rewrite, net1d):
    folder = shutil.copytree(bundle_folder, tmp_path / "bundle")
    manifest = json.loads((folder / "bundle.json").read_text())
    manifest |= {"architecture": "net1d", "encoder": None, "integers": None, "net1d": net1d}
    rewrite(folder, json.dumps(manifest))
    with pytest.raises(InvalidBundle, match="net1d"):
        read_manifest(folder)
