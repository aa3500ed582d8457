"""Net1D, the encoder of ECGFounder (Li et al. 2025): residual blocks with grouped convolutions, squeeze and excitation.

Names and shapes of the weights are those of the published checkpoint (github.com/PKUDigitalHealth/ECGFounder,
`finetune_model.py` and `net1d.py`), whose batch normalisation is there and unused. The implementation is our own.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

LEADS = 12
SAMPLES = 5000  # 10 s at 500 Hz, as it was trained
_SQUEEZE = 2


@dataclass(frozen=True)
class Net1dArchitecture:
    """Size of a Net1D.

    Attributes
    ----------
    width
        Channels of the first convolution.
    filters, blocks
        Channels and number of blocks of each stage.
    kernel
        Samples of the first convolution and of the middle one of each block.
    group
        Channels of a group of the middle convolution.
    """

    width: int
    filters: tuple[int, ...]
    blocks: tuple[int, ...]
    kernel: int
    group: int


ECGFOUNDER = Net1dArchitecture(64, (64, 160, 160, 400, 400, 1024, 1024), (2, 2, 2, 3, 3, 4, 4), 16, 16)


class _Same(nn.Module):
    """A convolution whose output has time / stride samples, rounded up: zeros are added, one more at the end."""

    def __init__(self, channels: int, out: int, kernel: int, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels, out, kernel, stride, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride, time = self.conv.kernel_size[0], self.conv.stride[0], x.shape[-1]
        missing = max(0, (-(-time // stride) - 1) * stride + kernel - time)
        padded: Tensor = self.conv(functional.pad(x, (missing // 2, missing - missing // 2)))
        return padded


class _Block(nn.Module):
    """Convolutions of 1, `kernel` (in groups, with the stride) and 1, weighted by channel, added to a shortcut."""

    def __init__(self, channels: int, out: int, architecture: Net1dArchitecture, *, stride: int, first: bool) -> None:
        super().__init__()
        self._first, self._stride, self._more = first, stride, out - channels
        self.conv1 = _Same(channels, out, 1)
        self.conv2 = _Same(out, out, architecture.kernel, stride=stride, groups=out // architecture.group)
        self.conv3 = _Same(out, out, 1)
        self.se_fc1 = nn.Linear(out, out // _SQUEEZE)
        self.se_fc2 = nn.Linear(out // _SQUEEZE, out)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.conv1(x if self._first else functional.silu(x))
        inner = self.conv3(functional.silu(self.conv2(functional.silu(inner))))
        weight = torch.sigmoid(self.se_fc2(functional.silu(self.se_fc1(inner.mean(dim=-1)))))
        beside = x
        if self._stride > 1:
            missing = self._stride - 1
            beside = functional.max_pool1d(functional.pad(x, (missing // 2, missing - missing // 2)), self._stride)
        if self._more:
            beside = functional.pad(beside, (0, 0, self._more // 2, self._more - self._more // 2))
        return torch.addcmul(beside, inner, weight[..., None])


class _Stage(nn.Module):
    def __init__(self, blocks: list[_Block]) -> None:
        super().__init__()
        self.block_list = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.block_list:
            x = block(x)
        return x


class Net1d(nn.Module):
    """Windows (batch, 12, time) of 10 s at any rate → feature maps (batch, k, time).

    The windows are brought to 500 Hz by linear interpolation first.
    """

    def __init__(self, architecture: Net1dArchitecture) -> None:
        super().__init__()
        self.first_conv = _Same(LEADS, architecture.width, architecture.kernel, stride=2)
        stages, channels = [], architecture.width
        for stage, (out, count) in enumerate(zip(architecture.filters, architecture.blocks, strict=True)):
            blocks = []
            for block in range(count):
                stride, first = 1 if block else 2, stage == block == 0
                blocks.append(_Block(channels, out, architecture, stride=stride, first=first))
                channels = out
            stages.append(_Stage(blocks))
        self.stage_list = nn.ModuleList(stages)

    def forward(self, windows: Tensor) -> Tensor:
        """(batch, 12, time) → (batch, k, time / 256, rounded up)."""
        x = functional.silu(self.first_conv(functional.interpolate(windows, SAMPLES, mode="linear")))
        for stage in self.stage_list:
            x = stage(x)
        return x
