"""1D ResNet with bottleneck blocks (He et al. 2016, with kernels of 3 along time), the paper's ECG encoder."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

LEADS = 12
EXPANSION = 4


@dataclass(frozen=True)
class Architecture:
    """Size of an encoder: the number of bottleneck blocks of each stage, and the width of the first stage."""

    blocks: tuple[int, ...]
    width: int


PRESETS = {
    "resnet50": Architecture((3, 4, 6, 3), 64),
    "small": Architecture((2, 2, 2, 2), 32),
    "tiny": Architecture((1, 1, 1, 1), 12),
}


class Bottleneck(nn.Module):
    """Convolutions of 1, 3 (with the stride) and 1, the last to four times the width, added to a shortcut."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        out = EXPANSION * width
        self.body = nn.Sequential(
            nn.Conv1d(channels, width, 1, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(inplace=True),
            nn.Conv1d(width, width, 3, stride, padding=1, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(inplace=True),
            nn.Conv1d(width, out, 1, bias=False),
            nn.BatchNorm1d(out),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels != out:
            self.shortcut = nn.Sequential(nn.Conv1d(channels, out, 1, stride, bias=False), nn.BatchNorm1d(out))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, time) → (batch, 4 · width, time / stride)."""
        return torch.relu(self.body(x) + self.shortcut(x))


def resnet1d(architecture: Architecture) -> tuple[nn.Sequential, int]:
    """Return an encoder, windows (batch, 12, time) → feature maps (batch, k, time / 32), and its k."""
    width = architecture.width
    layers: list[nn.Module] = [
        nn.Conv1d(LEADS, width, 7, 2, padding=3, bias=False),
        nn.BatchNorm1d(width),
        nn.ReLU(inplace=True),
        nn.MaxPool1d(3, 2, padding=1),
    ]
    channels = width
    for stage, blocks in enumerate(architecture.blocks):
        for block in range(blocks):
            stride = 2 if stage > 0 and block == 0 else 1
            layers.append(Bottleneck(channels, width << stage, stride))
            channels = EXPANSION * (width << stage)
    return nn.Sequential(*layers), channels
