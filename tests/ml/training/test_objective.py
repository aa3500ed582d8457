"""What is compiled, and where it runs."""

import pytest
import torch
from torch._dynamo.testing import CompileCounter

from ml.networks.ecg import EcgNetwork
from ml.networks.resnet1d import PRESETS
from ml.training import objective
from ml.training.configuration import Config


@pytest.fixture(autouse=True)
def forget_compiled():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def test_the_encoder_is_one_graph_whatever_the_batch():
    plain = EcgNetwork(PRESETS["tiny"], 3)
    model = EcgNetwork(PRESETS["tiny"], 3)
    model.load_state_dict(plain.state_dict())
    counter = CompileCounter()
    objective.compile_encoder(model, counter)
    windows = torch.randn(4, 12, 500)
    torch.testing.assert_close(model(windows), plain(windows))
    assert counter.frame_count == 1
    layers = sum(not list(module.children()) for module in model.encoder.modules())
    assert counter.op_count >= layers - 1  # an identity is no operation
    for batch in (3, 5, 7):
        model(torch.randn(batch, 12, 500))
    model.eval()
    with torch.inference_mode():
        model(windows)
    assert counter.frame_count <= 4
    assert model.state_dict().keys() == plain.state_dict().keys()


@pytest.mark.parametrize(("there", "can"), [({"CC": "cc"}, True), ({}, False)])
def test_nothing_is_compiled_without_a_compiler(monkeypatch, capsys, there, can):
    monkeypatch.setattr(objective.shutil, "which", lambda name: None)
    monkeypatch.setattr(objective.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(objective.os, "environ", there)
    assert objective._can_compile() is can
    assert ("no C compiler" in capsys.readouterr().err) is not can


def test_several_processes_choose_their_own_gpus(monkeypatch, store_folder):
    config = Config(dataset=store_folder, device="cuda:1")
    monkeypatch.setattr(objective.distributed, "count", lambda: 2)
    with pytest.raises(ValueError, match="device"):
        objective.choose_device(config)
    assert objective.choose_device(config.model_copy(update={"device": "cpu"})) == torch.device("cpu")
