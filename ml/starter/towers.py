"""Training the convolutional towers: few ECGs, so many varied copies, mixed pairs, and every code as a target."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ml.networks.beatnet import Tower

BATCH = 64
LEARNING_RATE = 4e-3
WEIGHT_DECAY = 0.02
FURTHER_WEIGHT = 0.3  # of a further target beside a label
POSITIVE_WEIGHT = (50.0, 0.3)  # min(negatives / positives, 50) to the power of 0.3
BEAT_NOISE_SD, STRIP_NOISE_SD = 0.03, 0.05
CHEST_SD = 0.15  # chest leads have lost their size; the towers must not lean on what is left
SHIFT = 3  # samples of the averaged beat, at 125 Hz
MIXED = 0.3  # Beta(α, α) of mixup (Zhang et al. 2018)
MAX_NORM = 5.0
_LIMB = 6


View = Callable[[NDArray[np.int64], np.random.Generator], Tensor]
"""Gives what a tower sees of some ECGs, disturbed in another way each time: (batch, 12, time)."""


@dataclass(frozen=True, eq=False)
class Lessons:
    """What a tower learns from.

    Attributes
    ----------
    view
        See `View`.
    targets, counts
        (n, labels + further), shares and whether they count.
    labels
        How many of the targets are labels.
    """

    view: View
    targets: Tensor
    counts: Tensor
    labels: int


def train_tower(tower: Tower, lessons: Lessons, rows: NDArray[np.int64], epochs: int, seed: int) -> None:
    """Train a tower on some rows; its head has an output a target while it learns."""
    optimizer = torch.optim.AdamW(tower.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    steps = len(rows) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=epochs * steps, pct_start=0.2)
    criterion = _Loss(lessons, rows)
    rng = np.random.default_rng(seed)
    tower.train()
    for _ in range(epochs):
        order = rng.permutation(rows)
        for step in range(steps):
            batch = order[step * BATCH : (step + 1) * BATCH]
            seen, partner = lessons.view(batch, rng), rng.permutation(BATCH)
            share = float(rng.beta(MIXED, MIXED))
            share = max(share, 1 - share)
            logits = tower(share * seen + (1 - share) * seen[partner])
            loss = share * criterion(logits, batch) + (1 - share) * criterion(logits, batch[partner])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(tower.parameters(), MAX_NORM)
            optimizer.step()
            schedule.step()
    tower.eval()


def widen(tower: Tower, outputs: int) -> None:
    """Give a tower's last layer as many outputs as there are targets."""
    tower.out = nn.Linear(tower.out.in_features, outputs)


def narrow(tower: Tower, speaks: NDArray[np.bool_]) -> None:
    """Keep the labels' outputs alone; of labels that the tower could not learn it says nothing, 0."""
    wide = tower.out
    tower.out = nn.Linear(wide.in_features, len(speaks))
    mask = torch.from_numpy(speaks).float()
    with torch.no_grad():
        tower.out.weight.copy_(wide.weight[: len(speaks)] * mask[:, None])
        tower.out.bias.copy_(wide.bias[: len(speaks)] * mask)


class _Loss:
    """Binary cross-entropy over what counts, positives and labels weighted."""

    def __init__(self, lessons: Lessons, rows: NDArray[np.int64]) -> None:
        self.lessons = lessons
        targets, counts = lessons.targets[rows], lessons.counts[rows]
        highest, power = POSITIVE_WEIGHT
        ratio = ((1 - targets) * counts).sum(dim=0) / (targets * counts).sum(dim=0).clamp(min=1)
        self.positive_weight = ratio.clamp(max=highest) ** power
        self.weight = torch.full((targets.shape[1],), FURTHER_WEIGHT)
        self.weight[: lessons.labels] = 1.0

    def __call__(self, logits: Tensor, rows: NDArray[np.int64]) -> Tensor:
        each = functional.binary_cross_entropy_with_logits(
            logits, self.lessons.targets[rows], pos_weight=self.positive_weight, reduction="none"
        )
        return (each * self.lessons.counts[rows] * self.weight).sum() / (len(rows) * self.lessons.labels)


def beat_view_of(copies: Tensor) -> View:
    """Look at one of the copies (copies, n, 12, 125) of each averaged beat, moved a little."""

    def view(rows: NDArray[np.int64], rng: np.random.Generator) -> Tensor:
        beats = copies[rng.integers(0, len(copies), len(rows)), rows].float()
        return torch.roll(_disturbed(beats, BEAT_NOISE_SD), int(rng.integers(-SHIFT, SHIFT + 1)), -1)

    return view


def strip_view_of(strips: Tensor) -> View:
    """Look at the strips (n, 12, 1000) from anywhere on, round."""

    def view(rows: NDArray[np.int64], rng: np.random.Generator) -> Tensor:
        seen = strips[rows]
        return _disturbed(torch.roll(seen, int(rng.integers(0, seen.shape[-1])), -1), STRIP_NOISE_SD)

    return view


def _disturbed(leads: Tensor, noise_sd: float) -> Tensor:
    size = torch.ones(len(leads), leads.shape[1], 1)
    size[:, _LIMB:] += CHEST_SD * torch.randn(len(leads), leads.shape[1] - _LIMB, 1)
    return size * (leads + noise_sd * torch.randn_like(leads))
