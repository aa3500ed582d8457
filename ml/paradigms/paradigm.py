"""The interface between the training loop and a paradigm."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

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
        (n, labels) bool: false if there is no such report, or if its uncertain finding is ignored.
    """

    positive: NDArray[np.float32]
    counts: NDArray[np.bool_]

    def __getitem__(self, rows: NDArray[np.int64]) -> "Labels":
        """Return the labels of some rows."""
        return Labels(self.positive[rows], self.counts[rows])


@dataclass(frozen=True, eq=False)
class Batch:
    """Windows (b, 12, t) with their labels (b, labels), on the device, and which rows of the store they are.

    `unlabelled` are windows (u, 12, t) of the unlabelled dataset, if the paradigm uses one.
    """

    rows: NDArray[np.int64]
    windows: Tensor
    positive: Tensor
    counts: Tensor
    unlabelled: Tensor | None = None


class Outcome(NamedTuple):
    """The scalar loss of a batch, and other values to log: scalars or one number for each label, on the device."""

    loss: Tensor
    logged: Mapping[str, Tensor] = {}


class Paradigm(Protocol):
    """A way to learn: a model with a loss and a score, nothing else."""

    @property
    def model(self) -> nn.Module:
        """The model that is trained and saved."""
        ...

    def loss(self, batch: Batch) -> Outcome:
        """Return the loss of a batch."""
        ...

    def logits(self, windows: Tensor) -> Tensor:
        """Return a score for each label, (b, labels), that ranks windows: a logit, or a cosine similarity."""
        ...
