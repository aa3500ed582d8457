"""Augmentation by batch, on the device of the batch (paper, "Augmentation")."""

import torch
from torch import Tensor

NOISE_SD = 0.015
SCALE = (0.9, 1.1)
SHIFT_SAMPLES = 25  # 100 ms at 250 Hz


def weak(windows: Tensor) -> Tensor:
    """Noise, amplitude scaling and a small shift, drawn for each window: (b, 12, t) → (b, 12, t)."""
    batch, _, time = windows.shape
    scale = torch.empty(batch, 1, 1, device=windows.device).uniform_(*SCALE)
    shift = torch.randint(-SHIFT_SAMPLES, SHIFT_SAMPLES + 1, (batch, 1, 1), device=windows.device)
    place = (torch.arange(time, device=windows.device) - shift).clamp(0, time - 1)
    moved = windows.gather(2, place.expand(windows.shape))
    return moved * scale + NOISE_SD * torch.randn_like(windows)
