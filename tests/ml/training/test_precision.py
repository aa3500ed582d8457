import pytest
import torch

from ml.networks.ecg import EcgNetwork
from ml.networks.resnet1d import PRESETS
from ml.training import precision
from ml.training.configuration import Config

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("cpuinfo", "has"),
    [
        ("processor\t: 0\nflags\t\t: fpu avx512f avx512_bf16 sse2\n", True),
        ("processor\t: 0\nflags\t\t: fpu amx_bf16 amx_tile\n", True),
        ("processor\t: 0\nflags\t\t: fpu avx512f\nprocessor\t: 1\nflags\t\t: avx512_bf16\n", False),
        ("processor\t: 0\nFeatures\t: fp asimd bf16\n", False),
        (None, False),  # no such file: not Linux
    ],
)
def test_auto_is_bf16_on_processors_that_have_it(monkeypatch, tmp_path, store_folder, cpuinfo, has):
    path = tmp_path / "cpuinfo"
    if cpuinfo is not None:
        path.write_text(cpuinfo)
    monkeypatch.setattr(precision, "CPUINFO", path)
    half = {
        said: precision.autocast(Config(dataset=store_folder, precision=said), CPU)._enabled
        for said in ("auto", "fp32", "bf16")
    }
    assert half == {"auto": has, "fp32": False, "bf16": True}


def test_bf16_has_the_same_loss_and_gradient_to_its_precision():
    torch.manual_seed(0)
    model = EcgNetwork(PRESETS["tiny"], 3)
    windows, labels = torch.randn(8, 12, 1000), torch.randint(2, (8, 3)).float()
    found = []
    for half in (False, True):
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            logits = model(windows).float()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels)
        loss.backward()
        found.append((loss.detach(), torch.cat([weight.grad.flatten() for weight in model.parameters()])))
    (loss, gradient), (loss_half, gradient_half) = found
    assert not torch.equal(gradient, gradient_half)
    torch.testing.assert_close(loss, loss_half, rtol=0.02, atol=0)
    assert torch.cosine_similarity(gradient, gradient_half, dim=0) > 0.9
