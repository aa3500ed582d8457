"""Each batched augmentation beside a slow one, window by window and sample by sample."""

import numpy as np
import pytest
import torch

from ml.signals import augmentation
from ml.signals.augmentation import drop_leads, masked, resampled, sampled, strong, warped

TIME = 101


@pytest.fixture
def windows():
    torch.manual_seed(1)
    return torch.randn(4, 12, TIME)


def test_a_warp_reads_time_at_the_speed_of_its_piece():
    speed = torch.tensor([[1.0, 1.0, 1.0, 1.0], [0.8, 1.2, 1.0, 0.9], [2.0, 0.1, 0.1, 2.0]])
    places = warped(speed, TIME)
    for row, speeds in zip(places.numpy(), speed.tolist(), strict=True):
        slow, at = [0.0], 0.0
        for k in range(1, TIME):  # a hundred steps, 25 a piece
            at += speeds[(k - 1) // 25]
            slow.append(at)
        np.testing.assert_allclose(row, np.array(slow) * (TIME - 1) / slow[-1], atol=1e-3)


def test_resampling_stretches_about_the_middle_and_mirrors_the_ends():
    places = resampled(torch.arange(TIME).float().expand(3, -1), torch.tensor([1.0, 1.1, 0.9]))
    for row, rate in zip(places.numpy(), [1.0, 1.1, 0.9], strict=True):
        slow = []
        for k in range(TIME):
            place = 50 + (k - 50) * rate
            if place < 0:
                place = -place
            if place > 100:
                place = 200 - place
            slow.append(place)
        np.testing.assert_allclose(row, slow, atol=1e-4)


def test_reading_between_samples_is_numpy_s_interpolation_in_every_lead(windows):
    places = torch.rand(4, TIME) * (TIME - 1)
    places[0, 0], places[0, 1] = 0, TIME - 1
    result = sampled(windows, places)
    for window, row, out in zip(windows.numpy(), places.numpy(), result.numpy(), strict=True):
        for lead, expected in zip(out, window, strict=True):
            np.testing.assert_allclose(lead, np.interp(row, np.arange(TIME), expected), atol=1e-4)


def test_masks_are_zero_in_every_lead_and_only_there(windows):
    start, length = [[0, 90], [5, 7], [100, 0], [30, 30]], [[10, 50], [5, 5], [1, 0], [0, 1]]
    result = masked(windows, torch.tensor(start), torch.tensor(length)).numpy()
    for window, starts, lengths, out in zip(windows.numpy().copy(), start, length, result, strict=True):
        for a, n in zip(starts, lengths, strict=True):
            window[:, a : a + n] = 0
        np.testing.assert_array_equal(out, window)


def test_dropped_leads_are_zero_but_never_all_of_them(windows):
    kept = torch.ones(4, 12, dtype=torch.bool)
    kept[1, 3] = kept[2, :11] = False
    kept[3] = False
    result = drop_leads(windows, kept).numpy()
    for window, keep, out in zip(windows.numpy().copy(), kept.numpy(), result, strict=True):
        if keep.any():
            window[~keep] = 0
        np.testing.assert_array_equal(out, window)


def test_leads_stay_aligned_and_windows_are_drawn_alone(monkeypatch):
    monkeypatch.setattr(augmentation, "STRONG_NOISE_SD", 0.0)
    monkeypatch.setattr(augmentation, "LEAD_DROPOUT", 0.0)
    torch.manual_seed(0)
    gains = torch.arange(1, 13).reshape(1, 12, 1)
    views = strong(torch.sin(torch.arange(2500) / 40).expand(8, 12, 2500) * gains)
    alone = views / gains
    torch.testing.assert_close(alone, alone[:, :1].expand(8, 12, 2500))
    assert len({tuple(view[0].tolist()) for view in views}) == 8


def test_shape_and_values_stay_what_a_window_can_have(monkeypatch):
    torch.manual_seed(0)
    windows = torch.rand(64, 12, 2500) + 1
    views = strong(windows)
    assert views.shape == windows.shape
    assert views.isfinite().all()
    monkeypatch.setattr(augmentation, "STRONG_NOISE_SD", 0.0)
    views = strong(windows)
    silent = views == 0
    assert not (silent | ((views >= 1) & (views <= 2))).logical_not().any()
    leads = silent.all(dim=2)
    assert 0.05 < leads.float().mean() < 0.15
    assert 0.02 < silent[~leads].float().mean() < 0.2


def test_noise_is_the_paper_s():
    torch.manual_seed(0)
    assert strong(torch.zeros(64, 12, 2500)).std().item() == pytest.approx(0.02, rel=0.01)


def test_half_precision_windows_keep_their_precision_and_their_places():
    torch.manual_seed(0)
    windows = torch.randn(2, 12, 2500)
    places = torch.rand(2, 2500) * 2499
    full, half = sampled(windows, places), sampled(windows.bfloat16(), places)
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), full, atol=0.05, rtol=0.05)
