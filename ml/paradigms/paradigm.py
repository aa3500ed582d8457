"""What the training loop asks of a paradigm, and what it gives it."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class Labels:
    """The labels of some windows.

    Attributes
    ----------
    positive
        (n, labels) float32, 0 or 1.
    counts
        (n, labels) bool: false where the reading is missing or its hedge is ignored.
    """

    positive: NDArray[np.float32]
    counts: NDArray[np.bool_]

    def __getitem__(self, rows: NDArray[np.int64]) -> "Labels":
        """Give the labels of some rows."""
        return Labels(self.positive[rows], self.counts[rows])


@dataclass(frozen=True, eq=False)
class Batch:
    """Windows (b, 12, t) with their labels (b, labels), on the device, and which rows of the store they are."""

    rows: NDArray[np.int64]
    windows: Tensor
    positive: Tensor
    counts: Tensor


class Paradigm(Protocol):
    """A way to learn: a model with a loss and a score, nothing else."""

    @property
    def model(self) -> nn.Module:
        """What is trained, and what a bundle holds."""
        ...

    def loss(self, batch: Batch) -> Tensor:
        """Give the scalar loss of a batch."""
        ...

    def logits(self, windows: Tensor) -> Tensor:
        """Give one logit a label, (b, labels)."""
        ...
