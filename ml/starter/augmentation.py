"""Augmentation of the starter model's windows: changes that do not change a label."""

import numpy as np
from numpy.typing import NDArray

from ml.measurements import limb_amplitudes

SHORTEST_SHARE = 0.72  # of the window that is kept
STRETCH = 0.03  # the heart beats up to this much faster or slower
NEIGHBOUR_SD = 0.08  # share of a neighbouring chest lead in a misplaced one
NOISE_SD = 0.06  # of white noise, at most, and of baseline wander
_LIMB = 6


def vary(window: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a piece of a window (12, n), stretched, with misplaced electrodes, noise and baseline wander: (12, ≤ n).

    Noise is added at the electrodes, so that the limb leads still fulfil Einthoven's and Goldberger's laws.
    """
    samples = window.shape[-1]
    length = int(rng.uniform(SHORTEST_SHARE, 1) * samples)
    step = rng.uniform(1 - STRETCH, 1 + STRETCH)
    place = rng.integers(0, samples - length + 1) + np.arange(int(length / max(step, 1))) * step
    left = np.minimum(place.astype(np.intp), samples - 2)
    fraction = np.minimum(place - left, 1)
    piece = window[:, left] * (1 - fraction) + window[:, left + 1] * fraction
    varied: NDArray[np.float64] = _chest(rng) @ piece + _noise(piece, rng)
    return varied


def _chest(rng: np.random.Generator) -> NDArray[np.float64]:
    mix = np.eye(12)
    for lead in range(_LIMB, 12):
        for neighbour in (lead - 1, lead + 1):
            if _LIMB <= neighbour < 12:
                mix[lead, neighbour] += rng.normal(0, NEIGHBOUR_SD)
    return mix


def _noise(piece: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return noise, (12, n): drawn for I, II and V1–V6, derived for the other limb leads, in each lead's own units."""
    time = np.linspace(0, 2 * np.pi, piece.shape[1])
    wander = np.sin(rng.uniform(3, 10) * time + rng.uniform(0, 2 * np.pi))
    drawn = rng.standard_normal((8, piece.shape[1])) * rng.uniform(0, NOISE_SD)
    drawn += np.outer(rng.normal(0, NOISE_SD, 8), wander)
    one, two = drawn[:2]
    limbs = np.stack([one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2])
    amplitudes = limb_amplitudes(piece)
    return np.concatenate([limbs * (amplitudes.mean() / amplitudes.clip(0.05))[:, None], drawn[2:]])
