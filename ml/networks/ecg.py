"""A network for ECGs: an encoder, which may be a researcher's own, and a head."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ml.networks.ecg_fm import EcgFm, EcgFmArchitecture
from ml.networks.net1d import Net1d, Net1dArchitecture
from ml.networks.resnet1d import PRESETS, Architecture, image_of, resnet1d
from ml.processes import own_code

SHAPE = (12, 2500)


@dataclass(frozen=True)
class OwnEncoder:
    """A researcher's own encoder: its name, `package.module:function`, and the function that makes it.

    The function takes no argument. It returns a module that turns windows (batch, 12, 2500), float32, into features
    (batch, k) or into feature maps (batch, k, time), which are averaged over time.
    """

    name: str
    make: Callable[[], nn.Module]


Encoder = Architecture | Net1dArchitecture | EcgFmArchitecture | OwnEncoder


def encoder_named(name: str, allow_own: bool) -> Encoder:
    """Return a preset's architecture, or, where own code is allowed, the encoder that `package.module:name` makes."""
    return PRESETS[name] if name in PRESETS else OwnEncoder(name, own_code.load(name, allow_own))


class EcgNetwork(nn.Module):
    """Encoder and linear head: windows (batch, 12, 2500) → logits (batch, outputs).

    Attributes
    ----------
    made_from
        The architecture, or the own encoder, that `encoder` was made from.
    features
        How many features the encoder has.
    """

    def __init__(self, made_from: Encoder, outputs: int) -> None:
        super().__init__()
        self.made_from = made_from
        self.encoder: nn.Module
        if isinstance(made_from, OwnEncoder):
            self.encoder = made_from.make()
            self.features = _count_features(made_from.name, self.encoder)
        elif isinstance(made_from, Net1dArchitecture):
            self.encoder, self.features = Net1d(made_from), made_from.filters[-1]
        elif isinstance(made_from, EcgFmArchitecture):
            self.encoder, self.features = EcgFm(made_from), made_from.width
        else:
            self.encoder, self.features = resnet1d(made_from)
        self.head: nn.Module = nn.Linear(self.features, outputs)

    def encode(self, windows: Tensor) -> Tensor:
        """(batch, 12, time) → features (batch, `features`)."""
        as_images = windows.device.type == "cpu" and isinstance(self.made_from, Architecture)
        features: Tensor = self.encoder(image_of(windows) if as_images else windows)
        return features.flatten(2).mean(dim=-1) if features.ndim > 2 else features

    def forward(self, windows: Tensor) -> Tensor:
        """(batch, 12, time) → logits (batch, outputs)."""
        logits: Tensor = self.head(self.encode(windows))
        return logits


def _count_features(name: str, encoder: nn.Module) -> int:
    """Return how many features an own encoder has, found by encoding one empty window."""
    if not isinstance(encoder, nn.Module):
        raise own_code.OwnCodeError(f"{name} returned {type(encoder).__name__}; it must return a torch.nn.Module")
    encoder.eval()
    with torch.no_grad():
        features = encoder(torch.zeros(1, *SHAPE))
    encoder.train()
    if not isinstance(features, Tensor) or features.ndim not in (2, 3) or len(features) != 1:
        shape = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
        raise own_code.OwnCodeError(
            f"{name}: the encoder returned {shape} for one window; it must return (batch, features) or"
            " (batch, features, time)"
        )
    return features.shape[1]


def can_be_a_graph(network: nn.Module) -> bool:
    """Return whether `ml.networks.onnx_graph` takes a network: an `EcgNetwork` with a ResNet of ours."""
    return isinstance(network, EcgNetwork) and isinstance(network.made_from, Architecture)
