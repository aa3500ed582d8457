import numpy as np
import pytest
import torch

from ml.signals import augmentation
from ml.signals.augmentation import shifted, weak


def test_a_shift_is_numpy_s_roll_with_the_ends_held():
    windows = torch.randn(4, 12, 60)
    by = [3, -7, 0, 25]
    moved = shifted(windows, torch.tensor(by).reshape(4, 1, 1))
    for window, result, samples in zip(windows.numpy(), moved.numpy(), by, strict=True):
        slow = np.roll(window, samples, axis=1)
        if samples > 0:
            slow[:, :samples] = window[:, :1]
        elif samples < 0:
            slow[:, samples:] = window[:, -1:]
        np.testing.assert_array_equal(result, slow)


def test_leads_move_and_grow_together_and_windows_each_on_their_own(monkeypatch):
    monkeypatch.setattr(augmentation, "NOISE_SD", 0.0)
    torch.manual_seed(0)
    lead = torch.sin(torch.arange(2500) / 40)
    windows = lead.expand(8, 12, 2500) * torch.arange(1, 13).reshape(1, 12, 1)
    result = weak(windows)
    alone = result / torch.arange(1, 13).reshape(1, 12, 1)
    torch.testing.assert_close(alone, alone[:, :1].expand(8, 12, 2500))
    assert len({tuple(window[0, 1000:1010].tolist()) for window in result}) == 8


def test_scale_shift_and_noise_stay_in_their_ranges(monkeypatch):
    torch.manual_seed(0)
    noise = weak(torch.zeros(64, 12, 2500))
    assert noise.std().item() == pytest.approx(0.015, rel=0.01)
    monkeypatch.setattr(augmentation, "NOISE_SD", 0.0)
    spike = torch.zeros(500, 12, 2500)
    spike[:, :, 1250] = 1
    height, place = weak(spike).max(dim=2)
    assert 0.9 <= height.min() < 0.91 and 1.09 < height.max() <= 1.1
    assert (place.min().item(), place.max().item()) == (1225, 1275)


def test_the_same_seed_is_the_same_view():
    windows = torch.randn(3, 12, 300)
    views = []
    for _ in range(2):
        torch.manual_seed(5)
        views.append(weak(windows))
    assert torch.equal(*views)
