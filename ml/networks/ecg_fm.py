"""The encoder of ECG-FM (McKeen et al. 2024): convolutions and a transformer, as in wav2vec 2.0.

Names and shapes of the weights are those of the published checkpoints (github.com/bowang-lab/ECG-FM, trained by
`fairseq_signals`' `wav2vec2_cmsc`), but that the weight normalisation of the positional convolution is folded. The
implementation is our own. What shapes do not show is as published: heads of 64, normalisation after each part; and no
dropout, as when it is fine-tuned there.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

LEADS = 12
SAMPLES = 5000  # 10 s at 500 Hz
HALVES = 2  # it was trained on 5 s
HEAD = 64


@dataclass(frozen=True)
class EcgFmArchitecture:
    """Size of an ECG-FM.

    Attributes
    ----------
    convolutions, channels, kernel
        How many convolutions come first, how many channels each has, and its samples, which is also its stride.
    width, layers, inner
        Of the transformer: its width, its layers, and the width inside each.
    position, groups
        Samples and groups of the convolution that adds the position.
    """

    convolutions: int
    channels: int
    kernel: int
    width: int
    layers: int
    inner: int
    position: int
    groups: int


ECG_FM = EcgFmArchitecture(4, 256, 2, 768, 12, 3072, 128, 16)


class _Convolutions(nn.Module):
    """(batch, 12, time) → (batch, channels, shorter); the first is normalised over time, each channel alone."""

    def __init__(self, of: EcgFmArchitecture) -> None:
        super().__init__()
        layers = []
        for number in range(of.convolutions):
            conv = nn.Conv1d(of.channels if number else LEADS, of.channels, of.kernel, of.kernel, bias=False)
            normal = [] if number else [nn.GroupNorm(of.channels, of.channels)]
            layers.append(nn.Sequential(conv, nn.Identity(), *normal, nn.GELU()))
        self.conv_layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.conv_layers:
            x = layer(x)
        return x


class _Position(nn.Module):
    """(batch, time, width) → the same shape: what tells a sample's place."""

    def __init__(self, of: EcgFmArchitecture) -> None:
        super().__init__()
        conv = nn.Conv1d(of.width, of.width, of.position, padding=of.position // 2, groups=of.groups)
        self.pos_conv = nn.Sequential(conv)

    def forward(self, x: Tensor) -> Tensor:
        return functional.gelu(self.pos_conv(x.transpose(1, 2))[..., : x.shape[1]]).transpose(1, 2)


class _Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.q_proj, self.k_proj = nn.Linear(width, width), nn.Linear(width, width)
        self.v_proj, self.out_proj = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        parts = (each(x).unflatten(-1, (-1, HEAD)).transpose(1, 2) for each in (self.q_proj, self.k_proj, self.v_proj))
        found = functional.scaled_dot_product_attention(*parts).transpose(1, 2).flatten(2)
        mixed: Tensor = self.out_proj(found)
        return mixed


class _Layer(nn.Module):
    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.self_attn = _Attention(width)
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.fc1, self.fc2 = nn.Linear(width, inner), nn.Linear(inner, width)
        self.final_layer_norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.self_attn_layer_norm(x + self.self_attn(x))
        normal: Tensor = self.final_layer_norm(x + self.fc2(functional.gelu(self.fc1(x))))
        return normal


class _Transformer(nn.Module):
    def __init__(self, of: EcgFmArchitecture) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Layer(of.width, of.inner) for _ in range(of.layers))
        self.layer_norm = nn.LayerNorm(of.width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer_norm(x)
        for layer in self.layers:
            x = layer(x)
        return x


class EcgFm(nn.Module):
    """Windows (batch, 12, time) of 10 s at any rate → feature maps (batch, width, k).

    The windows are brought to 500 Hz by linear interpolation first. Their halves are encoded apart, and are beside each
    other in the maps.
    """

    def __init__(self, of: EcgFmArchitecture) -> None:
        super().__init__()
        self.feature_extractor = _Convolutions(of)
        self.layer_norm = nn.LayerNorm(of.channels)
        self.post_extract_proj = nn.Linear(of.channels, of.width) if of.channels != of.width else nn.Identity()
        self.conv_pos = _Position(of)
        self.encoder = _Transformer(of)

    def forward(self, windows: Tensor) -> Tensor:
        """(batch, 12, time) → (batch, width, k)."""
        whole = functional.interpolate(windows, SAMPLES, mode="linear")
        halves = whole.reshape(len(windows), LEADS, HALVES, -1).transpose(1, 2).flatten(0, 1)
        encoded = self.encode_half(halves)
        return encoded.reshape(len(windows), -1, encoded.shape[-1]).transpose(1, 2)

    def encode_half(self, halves: Tensor) -> Tensor:
        """5 s at 500 Hz, (batch, 12, 2500) → (batch, k, width)."""
        x = self.post_extract_proj(self.layer_norm(self.feature_extractor(halves).transpose(1, 2)))
        encoded: Tensor = self.encoder(x + self.conv_pos(x))
        return encoded


def folded(gain: Tensor, direction: Tensor) -> Tensor:
    """Return the weight (out, in, k) of a convolution with a gain (1, 1, k) for each place of its kernel."""
    weight: Tensor = gain * direction / torch.linalg.vector_norm(direction, dim=(0, 1), keepdim=True)
    return weight
