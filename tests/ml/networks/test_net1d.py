"""Net1D computes what slow arithmetic on its published names computes."""

import numpy as np
import pytest
import torch

from ml.networks.net1d import ECGFOUNDER, Net1d, Net1dArchitecture
from ml.networks.public import NotRecognised, recognised

SMALL = Net1dArchitecture(6, (6, 8, 12), (2, 1, 2), 5, 2)


def silu(x):
    return x / (1 + np.exp(-x))


def convolution(x, weights, name, stride=1):
    """(channels, time) with zeros around, so that time is divided by the stride and rounded up."""
    weight, bias = weights[f"{name}.conv.weight"], weights[f"{name}.conv.bias"]
    out, of_group, kernel = weight.shape
    groups, time = len(x) // of_group, -(-x.shape[1] // stride)
    before = max(0, (time - 1) * stride + kernel - x.shape[1]) // 2
    padded = np.pad(x, ((0, 0), (before, kernel + stride)))
    found = np.zeros((out, time))
    for k in range(out):
        start = k // (out // groups) * of_group
        for t in range(time):
            found[k, t] = (
                bias[k] + (padded[start : start + of_group, t * stride : t * stride + kernel] * weight[k]).sum()
            )
    return found


def slowly(window, weights, architecture):
    """Maps of one window (12, 5000), by the names of its weights."""
    x = silu(convolution(window, weights, "first_conv", 2))
    for stage, (out, blocks) in enumerate(zip(architecture.filters, architecture.blocks, strict=True)):
        for number in range(blocks):
            block = f"stage_list.{stage}.block_list.{number}"
            stride = 1 if number else 2
            inner = convolution(x if stage == number == 0 else silu(x), weights, f"{block}.conv1")
            inner = convolution(silu(inner), weights, f"{block}.conv2", stride)
            inner = convolution(silu(inner), weights, f"{block}.conv3")
            squeezed = weights[f"{block}.se_fc1.weight"] @ inner.mean(axis=1) + weights[f"{block}.se_fc1.bias"]
            excited = weights[f"{block}.se_fc2.weight"] @ silu(squeezed) + weights[f"{block}.se_fc2.bias"]
            if stride == 2:
                even = np.pad(x, ((0, 0), (0, x.shape[1] % 2)))
                x = even.reshape(len(x), -1, 2).max(axis=2)
            more = out - len(x)
            x = inner / (1 + np.exp(-excited))[:, None] + np.pad(x, ((more // 2, more - more // 2), (0, 0)))
    return x


def test_it_computes_what_slow_arithmetic_computes():
    torch.manual_seed(0)
    network = Net1d(SMALL).eval()
    weights = {name: each.double().numpy() for name, each in network.state_dict().items()}
    window = torch.randn(1, 12, 5000)
    with torch.inference_mode():
        maps = network(window)[0].numpy()
    assert maps == pytest.approx(slowly(window[0].double().numpy(), weights, SMALL), abs=1e-5)


def test_a_window_at_half_the_rate_is_brought_to_500_hz():
    torch.manual_seed(0)
    network = Net1d(SMALL).eval()
    slow = torch.sin(torch.arange(2500) / 100).expand(1, 12, -1)
    fast = torch.sin((torch.arange(5000) - 0.5) / 200).expand(1, 12, -1)
    with torch.inference_mode():
        assert network(slow).shape == network(fast).shape == (1, 12, 313)
        inside = slice(5, -5)
        assert network(slow)[..., inside] == pytest.approx(network(fast)[..., inside], abs=1e-3)


def published(architecture, leads=12, batch_normal=0):
    """A checkpoint's weights by their published names: also the head, and batch normalisation that was never used."""
    torch.manual_seed(1)
    weights = dict(Net1d(architecture).state_dict())
    weights["first_conv.conv.weight"] = weights["first_conv.conv.weight"][:, :leads]
    weights |= {"dense.weight": torch.zeros(150, architecture.filters[-1]), "dense.bias": torch.zeros(150)}
    names = ["first_bn", *(name.replace("conv1.conv.weight", "bn1") for name in weights if "conv1.conv.weight" in name)]
    for name in names:
        weights[f"{name}.weight"] = torch.ones(4)
        weights[f"{name}.num_batches_tracked"] = torch.tensor(batch_normal)
    return weights


def test_the_published_encoder_is_recognised_by_its_names_and_shapes():
    weights = published(ECGFOUNDER)
    shapes = {name: tuple(each.shape) for name, each in weights.items()}
    assert shapes["first_conv.conv.weight"] == (64, 12, 16)
    assert shapes["stage_list.1.block_list.0.conv1.conv.weight"] == (160, 64, 1)
    assert shapes["stage_list.6.block_list.3.conv2.conv.weight"] == (1024, 16, 16)
    assert shapes["stage_list.6.block_list.3.se_fc1.weight"] == (512, 1024)
    found = recognised(weights)
    assert found.made_from == ECGFOUNDER
    assert sum(each.numel() for each in found.weights.values()) == 30_598_896


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (published(SMALL, leads=1), "it takes 1 leads"),
        (published(SMALL, batch_normal=1000), "first_bn.num_batches_tracked shows that it was trained with"),
        (
            {**published(SMALL), "stage_list.0.block_list.0.se_fc1.weight": torch.zeros(3, 5)},
            "is \\(3, 5\\), not \\(3, 6\\)",
        ),
        ({**published(SMALL), "head.weight": torch.zeros(1)}, "head.weight is \\(1,\\), not there"),
        ({"first_conv.conv.weight": torch.zeros(6, 12, 5)}, "no stage"),
        ({"conv1.weight": torch.zeros(6, 12, 5)}, "no encoder that is known"),
    ],
)
def test_other_weights_are_refused_by_what_is_amiss(weights, words):
    with pytest.raises(NotRecognised, match=words):
        recognised(weights)
