"""Supervised learning of the labels of one reading (paper, "Supervised baseline")."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ml.signals.augmentation import weak

MAX_POSITIVE_WEIGHT = 50.0


def positive_weights(targets: NDArray[np.float32], counts: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Give min(negatives / positives, 50) a label, over what counts; 1 where a label has no positive."""
    positives = (targets * counts).sum(axis=0)
    negatives = ((1 - targets) * counts).sum(axis=0)
    weights = np.where(positives > 0, negatives / np.maximum(positives, 1), 1.0)
    return np.minimum(weights, MAX_POSITIVE_WEIGHT).astype(np.float32)


class Supervised:
    """Binary cross-entropy a label, positives weighted, on weakly augmented windows."""

    def __init__(
        self, model: nn.Module, targets: NDArray[np.float32], counts: NDArray[np.bool_], device: torch.device
    ) -> None:
        self.model = model
        self._weights = torch.from_numpy(positive_weights(targets, counts)).to(device)

    def loss(self, windows: Tensor, targets: Tensor, counts: Tensor) -> Tensor:
        """Mean over what counts."""
        logits = self.model(weak(windows))
        each = functional.binary_cross_entropy_with_logits(
            logits.float(), targets, pos_weight=self._weights, reduction="none"
        )
        return (each * counts).sum() / counts.sum().clamp(min=1)

    def logits(self, windows: Tensor) -> Tensor:
        """The network's own."""
        logits: Tensor = self.model(windows)
        return logits
