"""ECG-FM's encoder computes what slow arithmetic on its published names computes."""

import numpy as np
import pytest
import torch
from scipy.special import erf, softmax

from ml.networks.ecg_fm import ECG_FM, EcgFm, EcgFmArchitecture
from ml.networks.public import NotRecognised, recognised

SMALL = EcgFmArchitecture(convolutions=3, channels=6, kernel=5, width=128, layers=2, inner=16, position=4, groups=8)


def gelu(x):
    return x * (1 + erf(x / np.sqrt(2))) / 2


def normal(x, weights, name):
    x = (x - x.mean(axis=-1, keepdims=True)) / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)
    return x * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def linear(x, weights, name):
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def slowly(half, weights, of):
    """(12, 2500) → (k, width), by the names of the weights."""
    x = half
    for number in range(of.convolutions):
        pieces = x[:, : x.shape[1] // of.kernel * of.kernel].reshape(len(x), -1, of.kernel)
        x = np.einsum("ctk,ock->ot", pieces, weights[f"feature_extractor.conv_layers.{number}.0.weight"])
        if not number:  # each channel over time
            x = (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
            of_channel = (weights[f"feature_extractor.conv_layers.0.2.{part}"][:, None] for part in ("weight", "bias"))
            x = x * next(of_channel) + next(of_channel)
        x = gelu(x)
    x = linear(normal(x.T, weights, "layer_norm"), weights, "post_extract_proj")
    kernel, bias = weights["conv_pos.pos_conv.0.weight"], weights["conv_pos.pos_conv.0.bias"]
    padded, each = np.pad(x, ((of.position // 2, of.position // 2), (0, 0))), of.width // of.groups
    place = np.zeros_like(x)
    for t in range(len(x)):
        for out in range(of.width):
            first = out // each * each
            place[t, out] = bias[out] + (padded[t : t + of.position, first : first + each].T * kernel[out]).sum()
    x = normal(x + gelu(place), weights, "encoder.layer_norm")
    for number in range(of.layers):
        layer = f"encoder.layers.{number}"
        q, k, v = (linear(x, weights, f"{layer}.self_attn.{part}_proj") for part in "qkv")
        heads = []
        for start in range(0, of.width, 64):
            own = slice(start, start + 64)
            heads.append(softmax(q[:, own] @ k[:, own].T / 8, axis=1) @ v[:, own])
        x = normal(
            x + linear(np.hstack(heads), weights, f"{layer}.self_attn.out_proj"),
            weights,
            f"{layer}.self_attn_layer_norm",
        )
        inner = linear(gelu(linear(x, weights, f"{layer}.fc1")), weights, f"{layer}.fc2")
        x = normal(x + inner, weights, f"{layer}.final_layer_norm")
    return x


def test_it_computes_what_slow_arithmetic_computes_for_each_half():
    torch.manual_seed(0)
    network = EcgFm(SMALL).eval()
    for weight in network.parameters():
        weight.data += 0.05 * torch.randn_like(weight)  # biases and gains that do something
    weights = {name: each.detach().double().numpy() for name, each in network.state_dict().items()}
    window = torch.randn(1, 12, 5000)
    with torch.inference_mode():
        maps = network(window)[0].numpy()
    halves = [slowly(half, weights, SMALL) for half in np.split(window[0].double().numpy(), 2, axis=1)]
    assert maps.shape == (128, 40)
    assert maps == pytest.approx(np.vstack(halves).T, abs=1e-4)


def published(of=SMALL, prefix="", parametrised=False):
    """A checkpoint's weights by their published names, with what only pretraining needs."""
    torch.manual_seed(1)
    weights = dict(EcgFm(of).state_dict())
    weight = weights.pop("conv_pos.pos_conv.0.weight")
    length = torch.linalg.vector_norm(weight, dim=(0, 1), keepdim=True)
    names = ("parametrizations.weight.original0", "parametrizations.weight.original1")
    gain, direction = names if parametrised else ("weight_g", "weight_v")
    weights |= {f"conv_pos.pos_conv.0.{gain}": length, f"conv_pos.pos_conv.0.{direction}": 3 * weight}
    weights |= {"mask_emb": torch.zeros(of.width), "quantizer.vars": torch.zeros(1), "final_proj.bias": torch.zeros(1)}
    return {f"{prefix}{name}": each for name, each in weights.items()}


@pytest.mark.parametrize("how", [{}, {"parametrised": True}, {"prefix": "encoder."}])
def test_checkpoints_of_pretraining_and_fine_tuning_are_recognised_and_their_normalisation_folded(how):
    torch.manual_seed(1)
    expected = EcgFm(SMALL).state_dict()
    found = recognised({**published(**how), "proj.weight": torch.zeros(26, 1)})
    assert found.made_from == SMALL and found.weights.keys() == expected.keys()
    for name, each in found.weights.items():
        assert torch.allclose(each, expected[name], atol=1e-6), name


def test_the_published_size_is_that_of_its_configuration():
    with torch.device("meta"):
        shapes = {name: tuple(each.shape) for name, each in EcgFm(ECG_FM).state_dict().items()}
    assert shapes["feature_extractor.conv_layers.0.0.weight"] == (256, 12, 2)
    assert shapes["conv_pos.pos_conv.0.weight"] == (768, 48, 128)
    assert shapes["encoder.layers.11.fc1.weight"] == (3072, 768)
    assert sum(int(np.prod(shape)) for shape in shapes.values()) == 90_373_120


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"feature_extractor.conv_layers.0.0.weight": torch.zeros(6, 1, 5)}, "it takes 1 leads"),
        ({"conv_pos.pos_conv.0.weight_g": None}, "no positional convolution"),
        ({"encoder.layers.0.fc1.weight": None}, "no transformer"),
        ({"encoder.layers.1.fc2.weight": torch.zeros(2, 2)}, "is \\(2, 2\\), not \\(128, 16\\)"),
        ({"encoder.layers.0.other": torch.zeros(1)}, "not there"),
    ],
)
def test_other_weights_are_refused_by_what_is_amiss(change, words):
    weights = {name: each for name, each in {**published(), **change}.items() if each is not None}
    with pytest.raises(NotRecognised, match=words):
        recognised(weights)
