"""Boosted trees as a layer: thresholds, branches and leaf values are tensors, and all trees are evaluated at once."""

import torch
from torch import Tensor, nn


class Forest(nn.Module):
    """Sums of trees, one sum an output: measurements (batch, m) → logits (batch, outputs).

    A tree has at most `nodes` nodes; node 0 is the root. A leaf is its own left and right child, so that `depth` steps
    from the root always end in a leaf.
    """

    feature: Tensor
    threshold: Tensor
    branch: Tensor
    value: Tensor
    start: Tensor

    def __init__(self, outputs: int, trees: int, nodes: int, depth: int) -> None:
        super().__init__()
        self.depth = depth
        shape = (outputs, trees, nodes)
        self.register_buffer("feature", torch.zeros(shape, dtype=torch.int16))
        self.register_buffer("threshold", torch.zeros(shape))
        self.register_buffer("branch", torch.zeros((*shape, 2), dtype=torch.int16))  # where it is ≤, where it is >
        self.register_buffer("value", torch.zeros(shape))
        self.register_buffer("start", torch.zeros(outputs))

    def forward(self, measurements: Tensor) -> Tensor:
        """(batch, m) → (batch, outputs)."""
        batch, (outputs, trees, nodes) = len(measurements), self.feature.shape
        first = torch.arange(outputs * trees, device=measurements.device) * nodes
        feature, branch = self.feature.flatten().long(), self.branch.flatten(0, 2).long()
        threshold, value = self.threshold.flatten(), self.value.flatten()
        node = first.expand(batch, -1)
        for _ in range(self.depth):
            greater = measurements.gather(1, feature[node]) > threshold[node]
            node = first + branch[node, greater.long()]
        return self.start + value[node].view(batch, outputs, trees).sum(dim=-1)
