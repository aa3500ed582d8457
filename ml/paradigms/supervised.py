"""Supervised learning of the labels of one reading (paper, sections 3 and 4.2)."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ml.networks.resnet1d import Architecture, ResNet1d
from ml.paradigms.paradigm import Batch, Labels
from ml.signals.augmentation import weak

MAX_POSITIVE_WEIGHT = 50.0


def positive_weights(labels: Labels) -> NDArray[np.float32]:
    """Give min(negatives / positives, 50) a label, over what counts; 1 where a label has no positive."""
    positives = (labels.positive * labels.counts).sum(axis=0, dtype=np.float64)
    negatives = ((1 - labels.positive) * labels.counts).sum(axis=0, dtype=np.float64)
    weights = np.where(positives > 0, negatives / np.maximum(positives, 1), 1.0)
    return np.minimum(weights, MAX_POSITIVE_WEIGHT).astype(np.float32)


class Supervised:
    """Binary cross-entropy a label, positives weighted, on weakly augmented windows."""

    def __init__(self, architecture: Architecture, labels: Labels) -> None:
        self.model = ResNet1d(architecture, outputs=labels.positive.shape[1])
        self._weights = torch.from_numpy(positive_weights(labels))

    def loss(self, batch: Batch) -> Tensor:
        """Mean over what counts; 0 where nothing does."""
        each = functional.binary_cross_entropy_with_logits(
            self.model(weak(batch.windows)).float(),
            batch.positive,
            pos_weight=self._weights.to(batch.positive.device),
            reduction="none",
        )
        return (each * batch.counts).sum() / batch.counts.sum().clamp(min=1)

    def logits(self, windows: Tensor) -> Tensor:
        """The network's own."""
        logits: Tensor = self.model(windows)
        return logits
