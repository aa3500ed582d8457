"""The loss of supervised learning (paper, section 3 and Equation 1)."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ml.paradigms.paradigm import Batch, Labels, Outcome
from ml.signals.augmentation import weak

MAX_POSITIVE_WEIGHT = 50.0


def positive_weights(labels: Labels) -> NDArray[np.float32]:
    """Return min(negatives / positives, 50) for each label, over the labels that count; 1 if there is no positive."""
    positives = (labels.positive * labels.counts).sum(axis=0, dtype=np.float64)
    negatives = ((1 - labels.positive) * labels.counts).sum(axis=0, dtype=np.float64)
    weights = np.where(positives > 0, negatives / np.maximum(positives, 1), 1.0)
    return np.minimum(weights, MAX_POSITIVE_WEIGHT).astype(np.float32)


def supervised_loss(logits: Tensor, positive: Tensor, counts: Tensor, weights: Tensor) -> Tensor:
    """Return Equation 1: the mean binary cross-entropy with weighted positives, over the labels that count; 0 if none.

    Parameters
    ----------
    logits, positive, counts
        (b, labels) each; any precision of logits, the loss is in float32.
    weights
        (labels,), as `positive_weights` gives them.
    """
    each = functional.binary_cross_entropy_with_logits(logits.float(), positive, pos_weight=weights, reduction="none")
    return (each * counts).sum() / counts.sum().clamp(min=1)


class Supervised:
    """Equation 1 on weakly augmented windows."""

    def __init__(self, model: nn.Module, labels: Labels) -> None:
        self.model = model
        self._weights = torch.from_numpy(positive_weights(labels))

    def loss(self, batch: Batch) -> Outcome:
        """Return the loss of a batch's labels."""
        self._weights = self._weights.to(batch.positive.device)  # copied in the first step alone
        logits = self.model(weak(batch.windows))
        return Outcome(supervised_loss(logits, batch.positive, batch.counts, self._weights))

    def logits(self, windows: Tensor) -> Tensor:
        """Return the logits of the network."""
        logits: Tensor = self.model(windows)
        return logits
