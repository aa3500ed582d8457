"""Training of the convolutional towers. ECGs are few: augmented copies, mixup and further targets help."""

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
CHEST_SD = 0.15  # z-scoring removed most of the chest leads' amplitudes; the towers must not use the rest
SHIFT = 3  # samples of the averaged beat, at 125 Hz
MIXED = 0.3  # Beta(α, α) of mixup (Zhang et al. 2018)
MAX_NORM = 5.0
_LIMB = 6


View = Callable[[NDArray[np.int64], np.random.Generator], Tensor]
"""Returns the input of a tower for some ECGs, augmented anew at each call: (batch, 12, time)."""


@dataclass(frozen=True, eq=False)
class TowerData:
    """The training data of a tower.

    Attributes
    ----------
    view
        See `View`.
    targets, counts
        (n, labels + further), targets from 0 to 1, and their weights: 0 where a target is unknown.
    labels
        The number of targets that are labels; they come first.
    """

    view: View
    targets: Tensor
    counts: Tensor
    labels: int


def train_tower(tower: Tower, material: TowerData, rows: NDArray[np.int64], epochs: int, *, seed: int) -> None:
    """Train a tower on some rows. During training its last layer has one output for each target."""
    optimizer = torch.optim.AdamW(tower.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    steps = len(rows) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=epochs * steps, pct_start=0.2)
    criterion = _Loss(material, rows)
    rng = np.random.default_rng(seed)
    tower.train()
    for _ in range(epochs):
        order = rng.permutation(rows)
        for step in range(steps):
            batch = order[step * BATCH : (step + 1) * BATCH]
            seen, partner = material.view(batch, rng), rng.permutation(BATCH)
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
    """Replace a tower's last layer by one with this number of outputs."""
    tower.out = nn.Linear(tower.out.in_features, outputs)


def narrow(tower: Tower, learnt: NDArray[np.bool_]) -> None:
    """Keep only the labels' outputs; the output of a label that the tower could not learn is 0."""
    wide = tower.out
    tower.out = nn.Linear(wide.in_features, len(learnt))
    mask = torch.from_numpy(learnt).float()
    with torch.no_grad():
        tower.out.weight.copy_(wide.weight[: len(learnt)] * mask[:, None])
        tower.out.bias.copy_(wide.bias[: len(learnt)] * mask)


class _Loss:
    """Binary cross-entropy over the known targets, with weights for positives and for labels."""

    def __init__(self, material: TowerData, rows: NDArray[np.int64]) -> None:
        self.material = material
        targets, counts = material.targets[rows], material.counts[rows]
        highest, power = POSITIVE_WEIGHT
        ratio = ((1 - targets) * counts).sum(dim=0) / (targets * counts).sum(dim=0).clamp(min=1)
        self.positive_weight = ratio.clamp(max=highest) ** power
        self.weight = torch.full((targets.shape[1],), FURTHER_WEIGHT)
        self.weight[: material.labels] = 1.0

    def __call__(self, logits: Tensor, rows: NDArray[np.int64]) -> Tensor:
        each = functional.binary_cross_entropy_with_logits(
            logits, self.material.targets[rows], pos_weight=self.positive_weight, reduction="none"
        )
        return (each * self.material.counts[rows] * self.weight).sum() / (len(rows) * self.material.labels)


def beat_view_of(copies: Tensor) -> View:
    """Return the view of one copy of each averaged beat, shifted a little; `copies` is (copies, n, 12, 125)."""

    def view(rows: NDArray[np.int64], rng: np.random.Generator) -> Tensor:
        beats = copies[rng.integers(0, len(copies), len(rows)), rows].float()
        return torch.roll(_disturbed(beats, BEAT_NOISE_SD), int(rng.integers(-SHIFT, SHIFT + 1)), -1)

    return view


def strip_view_of(strips: Tensor) -> View:
    """Return the view of strips, (n, 12, 1000), rolled by any number of samples."""

    def view(rows: NDArray[np.int64], rng: np.random.Generator) -> Tensor:
        seen = strips[rows]
        return _disturbed(torch.roll(seen, int(rng.integers(0, seen.shape[-1])), -1), STRIP_NOISE_SD)

    return view


def _disturbed(leads: Tensor, noise_sd: float) -> Tensor:
    size = torch.ones(len(leads), leads.shape[1], 1)
    size[:, _LIMB:] += CHEST_SD * torch.randn(len(leads), leads.shape[1] - _LIMB, 1)
    return size * (leads + noise_sd * torch.randn_like(leads))
