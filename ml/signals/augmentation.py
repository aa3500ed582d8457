"""Augmentation by batch, on the device of the batch (paper, section 4.2).

The paper names the augmentations and the noise; all other ranges are ours. All leads of a window are shifted,
stretched and scaled together, because their relative amplitudes hold the axis and their timing holds diagnoses. Each
window is drawn independently.
"""

import torch
from torch import Tensor

NOISE_SD = 0.015  # windows are in standard deviations
SCALE = (0.9, 1.1)
SHIFT_SAMPLES = 25  # 100 ms at 250 Hz

STRONG_NOISE_SD = 0.02
WARP_PIECES = 5  # of equal length, each with its own speed
WARP_SPEED = (0.8, 1.25)
RATE = (0.9, 1.1)  # relative to the true sampling rate
MASKS = 2
MASK_SAMPLES = 250  # at most, each
LEAD_DROPOUT = 0.1


def weak(windows: Tensor) -> Tensor:
    """Return windows (b, 12, t) shifted, scaled and with noise, drawn for each window independently.

    Samples that a shift leaves empty repeat the first or last value.
    """
    batch = len(windows)
    shift = torch.randint(-SHIFT_SAMPLES, SHIFT_SAMPLES + 1, (batch, 1, 1), device=windows.device)
    scale = torch.empty(batch, 1, 1, device=windows.device).uniform_(*SCALE)
    return scale * shifted(windows, shift) + NOISE_SD * torch.randn_like(windows)


def strong(windows: Tensor) -> Tensor:
    """Return windows (b, 12, t) with time warped, resampled and masked, leads dropped, and noise added."""
    batch, leads, time = windows.shape
    device = windows.device
    speed = torch.empty(batch, WARP_PIECES, device=device).uniform_(*WARP_SPEED)
    rate = torch.empty(batch, device=device).uniform_(*RATE)
    start = torch.randint(0, time, (batch, MASKS), device=device)
    length = torch.randint(0, MASK_SAMPLES + 1, (batch, MASKS), device=device)
    kept = torch.rand(batch, leads, device=device) >= LEAD_DROPOUT
    # one interpolation for both: the resampled places of the warped places
    places = resampled(warped(speed, time), rate)
    views = drop_leads(masked(sampled(windows, places), start, length), kept)
    return views + STRONG_NOISE_SD * torch.randn_like(windows)


def shifted(windows: Tensor, samples: Tensor) -> Tensor:
    """Return each window (b, 12, t) delayed by its number of samples, (b, 1, 1)."""
    time = windows.shape[-1]
    place = (torch.arange(time, device=windows.device) - samples).clamp(0, time - 1)
    return windows.gather(2, place.expand(windows.shape))


def warped(speed: Tensor, time: int) -> Tensor:
    """Return the places, (b, time) in samples, to read for a time axis with these speeds, (b, pieces).

    Time never runs backwards, and the first and last sample keep their places.
    """
    pieces = speed.shape[1]
    ends = torch.nn.functional.pad(speed.cumsum(dim=1), (1, 0))
    ends = ends * ((time - 1) / ends[:, -1:])
    at = torch.arange(time, device=speed.device) * (pieces / (time - 1))
    piece = at.long().clamp(max=pieces - 1)
    begin, end = ends[:, piece], ends[:, piece + 1]
    return (begin + (end - begin) * (at - piece)).clamp(0, time - 1)


def resampled(places: Tensor, rate: Tensor) -> Tensor:
    """Return places, (b, time), stretched around the middle by `rate`, (b,): above 1 the heart beats faster.

    Beyond the ends of the window its mirror image is read.
    """
    last = places.shape[1] - 1
    stretched = last / 2 + (places - last / 2) * rate[:, None]
    return (last - (stretched.abs() - last).abs()).clamp(0, last)


def sampled(windows: Tensor, places: Tensor) -> Tensor:
    """Return windows (b, 12, t) at places between samples, (b, time), by linear interpolation."""
    below = places.long().clamp(max=windows.shape[-1] - 2)
    share = (places - below)[:, None].to(windows.dtype)
    index = below[:, None].expand(-1, windows.shape[1], -1)
    low, high = windows.gather(2, index), windows.gather(2, index + 1)
    return low + (high - low) * share


def masked(windows: Tensor, start: Tensor, length: Tensor) -> Tensor:
    """Return windows with intervals set to zero, the mean, in all leads; `start` and `length` are (b, masks)."""
    time = torch.arange(windows.shape[-1], device=windows.device)
    inside = (time >= start[..., None]) & (time < (start + length)[..., None])
    return windows.masked_fill(inside.any(dim=1)[:, None], 0)


def drop_leads(windows: Tensor, kept: Tensor) -> Tensor:
    """Return windows with the leads that are not `kept`, (b, 12), set to zero; where none is kept, all are."""
    kept = kept | ~kept.any(dim=1, keepdim=True)
    return windows * kept[..., None]
