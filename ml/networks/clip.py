"""CLIP's two encoders into one embedding space: the ECG encoder with an MLP, the text transformer with a projection."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ml.networks.ecg import EcgNetwork, Encoder
from ml.networks.text import TextEncoder, Tokens

LOG_SCALE_START = math.log(1 / 0.07)
LOG_SCALE_MAX = math.log(100)
BIAS_START = -10.0  # of the sigmoid targets: nearly all pairs are negative (Zhai et al. 2023)

WeightedTokens = tuple[Tokens, Sequence[float] | None]
"""Texts and the weight of each in a mean; None where all have the same."""


class Clip(nn.Module):
    """Embeds ECGs (b, 12, t) and token indices (k, n) as unit vectors in one space.

    `log_scale` is the logarithm of 1/τ. Only the sigmoid targets have a `bias`.
    """

    def __init__(self, encoder: Encoder, text: TextEncoder, with_bias: bool = False) -> None:
        super().__init__()
        self.ecg = EcgNetwork(encoder, text.dimension)
        width = self.ecg.features
        self.ecg.head = nn.Sequential(nn.Linear(width, width), nn.ReLU(inplace=True), nn.Linear(width, text.dimension))
        self.text = text
        self.log_scale = nn.Parameter(torch.tensor(LOG_SCALE_START))
        self.bias = nn.Parameter(torch.tensor(BIAS_START)) if with_bias else None

    def encode_ecgs(self, windows: Tensor) -> Tensor:
        """(b, 12, t) → (b, d), float32, unit vectors."""
        return functional.normalize(self.ecg(windows).float(), dim=-1)

    def encode_texts(self, tokens: Tensor) -> Tensor:
        """(k, n) → (k, d), float32, unit vectors."""
        return functional.normalize(self.text(tokens).float(), dim=-1)

    def prompt_embeddings(self, prompts: Sequence[WeightedTokens], device: torch.device) -> Tensor:
        """Return the weighted mean embedding of each list of prompts, a unit vector, (lists, d)."""
        whole = Tokens.joined([texts for texts, _ in prompts])
        sizes = [len(texts) for texts, _ in prompts]
        embeddings = torch.split(self.encode_texts(whole.padded(range(len(whole)), device)), sizes)
        means = [
            each.mean(dim=0) if weights is None else (each * each.new_tensor(weights)[:, None]).sum(dim=0)
            for each, (_, weights) in zip(embeddings, prompts, strict=True)
        ]
        return functional.normalize(torch.stack(means), dim=-1)

    def scale(self) -> Tensor:
        """Return 1/τ."""
        return self.log_scale.exp()

    def clamp_temperature(self) -> None:
        """Limit 1/τ to 100, as CLIP does."""
        self.log_scale.clamp_(max=LOG_SCALE_MAX)
