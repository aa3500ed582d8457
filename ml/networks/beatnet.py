"""A network on measurements: fixed code computes measurements and the averaged beat of a window.

Three towers give a logit a label and are added up: a forest on the measurements, a convolutional network on the
averaged beat, and another on the whole strip. All leads but the chest leads' absolute size are there again (see
`ml.measurements`), which a z-scored window hides from a plain network.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ml.measurements import BEAT_SAMPLES, MEASUREMENTS, measure, strip
from ml.networks.forest import Forest
from ml.rules.measured import RULE_MEASUREMENTS, rule_measurements

Windows = NDArray[np.float32]

LEADS = 12
FOREST_MEASUREMENTS = (*MEASUREMENTS, *RULE_MEASUREMENTS)
"""What the forest sees, by name. An older model's forest sees the first of them: new ones go to the end."""
BEAT_PLACES = 16  # along the averaged beat, where the time of a wave matters


@dataclass(frozen=True)
class BeatArchitecture:
    """Size of the towers.

    Attributes
    ----------
    trees, leaves, depth
        Of the forest: trees a label, leaves a tree, splits from root to leaf at most.
    beat_width, beat_blocks, strip_width, strip_blocks
        Of the convolutional towers.
    hidden
        Width of their last layer but one.
    share
        Weight of each convolutional tower's logits beside the forest's.
    """

    trees: int
    leaves: int
    depth: int
    beat_width: int
    beat_blocks: int
    strip_width: int
    strip_blocks: int
    hidden: int = 96
    share: float = 0.125


BEAT_PRESETS = {
    "starter": BeatArchitecture(1080, 8, 7, 48, 3, 32, 5),
    "starter_tiny": BeatArchitecture(4, 4, 3, 8, 1, 8, 2, 8),
}


class SeparableBlock(nn.Module):
    """Two separable convolutions (Chollet 2017) beside a shortcut, the first with the stride."""

    def __init__(self, channels: int, out: int, stride: int, *, kernel: int = 7, dropout: float = 0.1) -> None:
        super().__init__()
        padding = kernel // 2
        self.body = nn.Sequential(
            nn.Conv1d(channels, channels, kernel, stride, padding, groups=channels, bias=False),
            nn.Conv1d(channels, out, 1, bias=False),
            nn.BatchNorm1d(out),
            nn.SiLU(),
            nn.Dropout(dropout),
            nn.Conv1d(out, out, kernel, 1, padding, groups=out, bias=False),
            nn.Conv1d(out, out, 1, bias=False),
            nn.BatchNorm1d(out),
        )
        self.shortcut = nn.Sequential(
            nn.AvgPool1d(stride, ceil_mode=True), nn.Conv1d(channels, out, 1, bias=False), nn.BatchNorm1d(out)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, time) → (batch, out, time / stride)."""
        return functional.silu(self.body(x) + self.shortcut(x))


class Tower(nn.Module):
    """A convolutional network: (batch, 12, time) → logits (batch, outputs).

    With `places` the features keep where along the time they are; without, only their mean and maximum are kept.
    """

    def __init__(
        self, width: int, blocks: int, stem: tuple[int, int], *, places: int | None, hidden: int, outputs: int
    ):
        super().__init__()
        kernel, stride = stem
        layers: list[nn.Module] = [
            nn.Conv1d(LEADS, width, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm1d(width),
            nn.SiLU(),
        ]
        channels = width
        for block in range(blocks):
            out = min(int(width * 1.5**block), 128)
            layers.append(SeparableBlock(channels, out, 1 if block == 0 and places else 2))
            channels = out
        self.features = nn.Sequential(*layers)
        self.places = places
        self.head = nn.Sequential(
            nn.Dropout(0.3), nn.Linear(channels * (places or 2), hidden), nn.SiLU(), nn.Dropout(0.3)
        )
        self.out = nn.Linear(hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 12, time) → (batch, outputs)."""
        features = self.features(x)
        if self.places:
            kept = functional.adaptive_avg_pool1d(features, self.places).flatten(1)
        else:
            kept = torch.cat([features.mean(dim=-1), features.amax(dim=-1)], dim=1)
        logits: Tensor = self.out(self.head(kept))
        return logits


class BeatNet(nn.Module):
    """Windows (batch, 12, 2500) at 250 Hz → logits (batch, outputs)."""

    def __init__(self, architecture: BeatArchitecture, outputs: int) -> None:
        super().__init__()
        size = architecture
        self.share = size.share
        self.forest = Forest(outputs, size.trees, 2 * size.leaves - 1, size.depth)
        self.beat = Tower(
            size.beat_width, size.beat_blocks, (5, 1), places=BEAT_PLACES, hidden=size.hidden, outputs=outputs
        )
        self.strip = Tower(
            size.strip_width, size.strip_blocks, (11, 2), places=None, hidden=size.hidden, outputs=outputs
        )

    def forward(self, windows: Tensor) -> Tensor:
        """(batch, 12, 2500) → (batch, outputs)."""
        measurements, beats, strips = (part.to(windows.device) for part in views(windows.cpu().numpy()))
        logits: Tensor = self.forest(measurements) + self.share * (self.beat(beats) + self.strip(strips))
        return logits


def views(windows: Windows) -> tuple[Tensor, Tensor, Tensor]:
    """Return the inputs of the towers: measurements (n, m), beats (n, 12, 125) and strips (n, 12, 1000)."""
    measurements = np.empty((len(windows), len(FOREST_MEASUREMENTS)), np.float32)
    beats = np.empty((len(windows), LEADS, BEAT_SAMPLES), np.float32)
    strips = np.empty((len(windows), LEADS, windows.shape[-1] * 2 // 5), np.float32)
    for row, window in enumerate(windows):
        measured = measure(window)
        measurements[row] = np.concatenate([measured.values, rule_measurements(window, measured.beats)])
        beats[row], strips[row] = measured.beat, strip(window)
    return torch.from_numpy(measurements), torch.from_numpy(beat_view(beats)), torch.from_numpy(strips)


def beat_view(beats: Windows) -> Windows:
    """Return averaged beats at half the rate, (n, 12, 250) → (n, 12, 125)."""
    halved: Windows = (beats[..., 0::2] + beats[..., 1::2]) / np.float32(2)
    return halved
