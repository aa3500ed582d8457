"""Encoders that others have published: which one a file of weights is, and its weights by the names of ours."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ml.networks.ecg_fm import HEAD, EcgFm, EcgFmArchitecture, folded
from ml.networks.net1d import LEADS, Net1d, Net1dArchitecture

_NORMAL = (".bn1.", ".bn2.", ".bn3.", "first_bn.")
_MOST_STAGES = 20
_FIRST, _POSITION = "feature_extractor.conv_layers.0.0.weight", "conv_pos.pos_conv.0.weight"
_ROOTS = ("feature_extractor.", "layer_norm.", "post_extract_proj.", "conv_pos.", "encoder.")
_NORMALISED = (
    (f"{_POSITION}_g", f"{_POSITION}_v"),
    tuple(f"conv_pos.pos_conv.0.parametrizations.weight.original{number}" for number in (0, 1)),
)


class NotRecognised(ValueError):
    """The weights are of no encoder that is known here; the message says what is amiss."""


class PublicEncoder(NamedTuple):
    """An encoder: its size, and its weights by the names of our network."""

    made_from: Net1dArchitecture | EcgFmArchitecture
    weights: dict[str, Tensor]


def recognised(weights: Mapping[str, Tensor]) -> PublicEncoder:
    """Return the encoder that these weights, by their published names, are of. Raises `NotRecognised`."""
    if "first_conv.conv.weight" in weights:
        return _net1d(weights)
    for prefix in ("", "encoder."):  # of a model that was fine-tuned
        if f"{prefix}{_FIRST}" in weights:
            return _ecg_fm(
                {name.removeprefix(prefix): each for name, each in weights.items() if name.startswith(prefix)}
            )
    some = ", ".join(sorted(weights)[:3])
    raise NotRecognised(f"the weights are of no encoder that is known (ECGFounder and ECG-FM are): {some}")


def _net1d(weights: Mapping[str, Tensor]) -> PublicEncoder:
    """Return a Net1D. Without its head (`dense`), and without batch normalisation, which ECGFounder never uses."""
    if used := [name for name, each in weights.items() if name.endswith("num_batches_tracked") and int(each.sum())]:
        raise NotRecognised(f"Net1D: {used[0]} shows that it was trained with batch normalisation; ECGFounder was not")
    kept = {
        name: each
        for name, each in weights.items()
        if not name.startswith("dense.") and not any(part in name for part in _NORMAL)
    }
    first = kept["first_conv.conv.weight"]
    if first.ndim != 3 or first.shape[1] != LEADS:
        leads = first.shape[1] if first.ndim == 3 else "unknown"
        raise NotRecognised(f"Net1D: it takes {leads} leads, and ours are {LEADS}: use the checkpoint of 12 leads")
    filters: list[int] = []
    blocks: list[int] = []
    while (stage := f"stage_list.{len(filters)}.block_list") and f"{stage}.0.conv2.conv.weight" in kept:
        filters.append(kept[f"{stage}.0.conv2.conv.weight"].shape[0])
        blocks.append(_count(kept, f"{stage}.{{}}.conv2.conv.weight"))
        if len(filters) > _MOST_STAGES:
            raise NotRecognised(f"Net1D: it has more than {_MOST_STAGES} stages")
    if not filters:
        raise NotRecognised("Net1D: it has no stage")
    group = kept["stage_list.0.block_list.0.conv2.conv.weight"].shape[1]
    made_from = Net1dArchitecture(first.shape[0], tuple(filters), tuple(blocks), first.shape[2], group)
    if any(out % group for out in filters):
        raise NotRecognised(f"Net1D: groups of {group} channels do not divide {filters}")
    _check("Net1D", lambda: Net1d(made_from), kept)
    return PublicEncoder(made_from, kept)


def _ecg_fm(weights: Mapping[str, Tensor]) -> PublicEncoder:
    """Return an ECG-FM without what only its pretraining, or its head, needs."""
    kept = {name: each for name, each in weights.items() if name.startswith(_ROOTS)}
    for gain, direction in _NORMALISED:
        if gain in kept and direction in kept:
            kept[_POSITION] = folded(kept.pop(gain), kept.pop(direction))
    first, position, inner = kept[_FIRST], kept.get(_POSITION), kept.get("encoder.layers.0.fc1.weight")
    if position is None or inner is None or {first.ndim, position.ndim, inner.ndim + 1} != {3}:
        raise NotRecognised("ECG-FM: it has no positional convolution, or no transformer")
    if first.shape[1] != LEADS:
        raise NotRecognised(f"ECG-FM: it takes {first.shape[1]} leads, and ours are {LEADS}")
    made_from = EcgFmArchitecture(
        convolutions=_count(kept, "feature_extractor.conv_layers.{}.0.weight"),
        channels=first.shape[0],
        kernel=first.shape[2],
        width=position.shape[0],
        layers=_count(kept, "encoder.layers.{}.fc1.weight"),
        inner=inner.shape[0],
        position=position.shape[2],
        groups=position.shape[0] // position.shape[1],
    )
    if made_from.width % HEAD or made_from.width % made_from.groups:
        raise NotRecognised(f"ECG-FM: its width of {made_from.width} has no heads of {HEAD}, or no whole groups")
    _check("ECG-FM", lambda: EcgFm(made_from), kept)
    return PublicEncoder(made_from, kept)


def _count(weights: Mapping[str, Tensor], name: str) -> int:
    """Return how many layers there are, by the name of a weight of each."""
    return next(number for number in range(len(weights) + 1) if name.format(number) not in weights)


def _check(title: str, make: Callable[[], nn.Module], weights: Mapping[str, Tensor]) -> None:
    """Raise `NotRecognised` where weights have other names or shapes than the network."""
    with torch.device("meta"):
        network = make()
    expected = {name: tuple(each.shape) for name, each in network.state_dict().items()}
    found = {name: tuple(each.shape) for name, each in weights.items()}
    differing = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if differing:
        name = differing[0]
        raise NotRecognised(f"{title}: {name} is {found.get(name, 'missing')}, not {expected.get(name, 'there')}")
