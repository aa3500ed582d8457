"""Augmentation by batch, on the device of the batch (paper, section 4.2)."""

import torch
from torch import Tensor

NOISE_SD = 0.015  # of the standard deviations a window is in
SCALE = (0.9, 1.1)
SHIFT_SAMPLES = 25  # 100 ms at 250 Hz


def weak(windows: Tensor) -> Tensor:
    """Shift, scale and add noise, drawn for each window on its own: (b, 12, t) → (b, 12, t).

    All leads of a window move together and grow together, for the axis is in their proportions. What a shift leaves
    empty holds the first or last value. The paper gives the noise; range of scale and shift are ours.
    """
    batch = len(windows)
    shift = torch.randint(-SHIFT_SAMPLES, SHIFT_SAMPLES + 1, (batch, 1, 1), device=windows.device)
    scale = torch.empty(batch, 1, 1, device=windows.device).uniform_(*SCALE)
    return scale * shifted(windows, shift) + NOISE_SD * torch.randn_like(windows)


def shifted(windows: Tensor, samples: Tensor) -> Tensor:
    """Move each window (b, 12, t) later by its number of samples, (b, 1, 1)."""
    time = windows.shape[-1]
    place = (torch.arange(time, device=windows.device) - samples).clamp(0, time - 1)
    return windows.gather(2, place.expand(windows.shape))
