import pytest
import torch
from torch import nn

from ml.networks.ecg import EcgNetwork
from ml.networks.resnet1d import PRESETS, image_of


def test_the_paper_s_encoder_is_a_resnet_50():
    model = EcgNetwork(PRESETS["resnet50"], outputs=13)
    assert sum(parameter.numel() for parameter in model.parameters()) == 15_985_805
    assert model.features == 2048
    # the counting of He et al.: every weighted layer on the way, not those of the shortcuts
    convolutions = [
        name for name, part in model.named_modules() if isinstance(part, nn.Conv1d) and "shortcut" not in name
    ]
    assert len(convolutions) + 1 == 50


@pytest.mark.parametrize("preset", PRESETS)
def test_windows_become_one_logit_a_label(preset):
    model = EcgNetwork(PRESETS[preset], outputs=5).eval()
    with torch.inference_mode():
        assert model(torch.zeros(2, 12, 2500)).shape == (2, 5)
        assert model.encode(torch.zeros(2, 12, 2500)).shape == (2, model.features)


def test_time_is_halved_five_times():
    model = EcgNetwork(PRESETS["tiny"], outputs=1).eval()
    with torch.inference_mode():
        assert model.encoder(torch.zeros(1, 12, 2500)).shape[-1] == 79


def test_a_window_s_logits_do_not_depend_on_its_neighbours():
    torch.manual_seed(0)
    model = EcgNetwork(PRESETS["tiny"], outputs=3).eval()
    windows = torch.randn(6, 12, 2500)
    with torch.inference_mode():
        torch.testing.assert_close(model(windows)[2], model(windows[2:3])[0], rtol=1e-5, atol=1e-6)


def test_every_weight_learns():
    torch.manual_seed(0)
    model = EcgNetwork(PRESETS["tiny"], outputs=3)
    model(torch.randn(4, 12, 500)).square().sum().backward()
    still = [name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert still == []


def test_images_of_height_1_are_the_same_signals_to_the_network_and_its_gradients():
    torch.manual_seed(0)
    model, windows = EcgNetwork(PRESETS["tiny"], outputs=3).double(), torch.randn(4, 12, 600, dtype=torch.float64)
    image = image_of(windows)
    assert image.is_contiguous(memory_format=torch.channels_last)
    found = []
    for given in (windows, image):
        model.zero_grad()
        features = model.encoder(given)
        features.square().sum().backward()
        statistics = [each.clone() for name, each in model.named_buffers() if "running" in name]
        found.append((features.flatten(2), [weight.grad for weight in model.encoder.parameters()], statistics))
        for part in model.modules():
            if isinstance(part, nn.BatchNorm1d):
                part.reset_running_stats()
    torch.testing.assert_close(*found)
    assert image_of(windows).shape == (4, 12, 1, 600)
