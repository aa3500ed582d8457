"""Encoders that others have published: which one a file of weights is, and its weights by the names of ours."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ml.networks.net1d import LEADS, Net1d, Net1dArchitecture

_NORMAL = (".bn1.", ".bn2.", ".bn3.", "first_bn.")
_MOST_STAGES = 20


class NotRecognised(ValueError):
    """The weights are of no encoder that is known here; the message says what is amiss."""


class PublicEncoder(NamedTuple):
    """An encoder: its name for people, its size, and the weights of `network_of(made_from)`."""

    name: str
    made_from: Net1dArchitecture
    weights: dict[str, Tensor]


def recognised(weights: Mapping[str, Tensor]) -> PublicEncoder:
    """Return the encoder that these weights, by their published names, are of. Raises `NotRecognised`."""
    if "first_conv.conv.weight" in weights:
        return _net1d(weights)
    some = ", ".join(sorted(weights)[:3])
    raise NotRecognised(f"the weights are of no encoder that is known (ECGFounder's Net1D is): {some}")


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
        blocks.append(next(n for n in range(1, len(kept)) if f"{stage}.{n}.conv2.conv.weight" not in kept))
        if len(filters) > _MOST_STAGES:
            raise NotRecognised(f"Net1D: it has more than {_MOST_STAGES} stages")
    if not filters:
        raise NotRecognised("Net1D: it has no stage")
    group = kept["stage_list.0.block_list.0.conv2.conv.weight"].shape[1]
    made_from = Net1dArchitecture(first.shape[0], tuple(filters), tuple(blocks), first.shape[2], group)
    if any(out % group for out in filters):
        raise NotRecognised(f"Net1D: groups of {group} channels do not divide {filters}")
    _check(Net1d, made_from, kept)
    return PublicEncoder("ECGFounder's Net1D", made_from, kept)


def _check(kind: type[Net1d], made_from: Net1dArchitecture, weights: Mapping[str, Tensor]) -> None:
    """Raise `NotRecognised` where weights have other names or shapes than the network."""
    with torch.device("meta"):
        network: nn.Module = kind(made_from)
    expected = {name: tuple(each.shape) for name, each in network.state_dict().items()}
    found = {name: tuple(each.shape) for name, each in weights.items()}
    differing = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if differing:
        name = differing[0]
        raise NotRecognised(f"Net1D: {name} is {found.get(name, 'missing')}, not {expected.get(name, 'there')}")
