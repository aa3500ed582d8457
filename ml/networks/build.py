"""From a bundle's words to an untrained network."""

from torch import nn

from ml.networks.beatnet import BEAT_PRESETS, BeatNet
from ml.networks.resnet1d import PRESETS, ResNet1d


def build(architecture: str, preset: str, outputs: int) -> nn.Module | None:
    """Build a network that maps windows (batch, 12, time) to logits (batch, outputs); None where it is unknown."""
    if architecture == "resnet1d" and preset in PRESETS:
        return ResNet1d(PRESETS[preset], outputs)
    if architecture == "beatnet" and preset in BEAT_PRESETS:
        return BeatNet(BEAT_PRESETS[preset], outputs)
    return None
