"""Learning paradigms: each a loss and a score, in one file; the training loop knows nothing else of them."""

from typing import Protocol

from torch import Tensor, nn


class Paradigm(Protocol):
    """What the training loop asks of a paradigm."""

    model: nn.Module

    def loss(self, windows: Tensor, targets: Tensor, counts: Tensor) -> Tensor:
        """Give the scalar loss of a batch: windows (b, 12, t), targets and counts (b, labels)."""
        ...

    def logits(self, windows: Tensor) -> Tensor:
        """Give one logit a label, (b, labels)."""
        ...
