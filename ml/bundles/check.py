"""`python -m ml.bundles.check FOLDER`: whether the network that a bundle describes takes its weights, and its ranges.

The network is built without memory for its weights, and only the weights' header is read. The answer is one line of
JSON on standard output: null, or the reason why the bundle cannot be used.
"""

import json
import sys
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import nn

from ml.bundles.archive import shapes
from ml.bundles.bundle import Integers, InvalidBundle, read_manifest
from ml.bundles.network import Model, encoder_of, network_of, tokenizer_of
from ml.bundles.patients import read_seen
from ml.networks.beatnet import BeatNet
from ml.networks.ecg import EcgNetwork, can_be_a_graph


def check(folder: Path) -> None:
    """Raise `InvalidBundle` where a bundle's network cannot be built, or its weights have other names or shapes."""
    manifest = read_manifest(folder)
    try:
        with torch.device("meta"):
            network = network_of(folder.name, manifest)
        if manifest.text is not None:
            tokenizer_of(manifest.text)
        read_seen(folder, manifest)
    except InvalidBundle:
        raise
    except Exception as error:  # of a text encoder's configuration, which is not ours to know
        raise InvalidBundle(f"its network cannot be built: {error}") from error
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    found = shapes(folder)
    differing = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if differing:
        raise InvalidBundle(f"the weights do not fit the network: {', '.join(differing[:3])}")
    if manifest.integers is not None:
        _check_ranges(network, manifest.integers)


def _check_ranges(network: nn.Module, integers: Integers) -> None:
    """Raise `InvalidBundle` where the network cannot be computed in integers by these ranges."""
    encoder = None if isinstance(network, BeatNet) else encoder_of(cast(Model, network))
    if not isinstance(encoder, EcgNetwork) or not can_be_a_graph(encoder):
        raise InvalidBundle("integers: this network is not computed in integers")
    from ml.networks.onnx_graph import WINDOW, activations  # few bundles are checked that need it

    differing = sorted(activations(encoder) ^ integers.ranges.keys())
    if differing:
        raise InvalidBundle(f"integers: the ranges are not those of the network's tensors: {', '.join(differing[:3])}")
    for name, (low, high) in integers.ranges.items():
        if name == WINDOW and not low < high:
            raise InvalidBundle("integers: no window was observed")
        if high - low > float(np.finfo(np.float32).max):
            raise InvalidBundle(f"integers: the range of {name} is no number in float32")


def main() -> None:
    """Check the bundle that the first argument names."""
    try:
        check(Path(sys.argv[1]))
        reason = None
    except InvalidBundle as error:
        reason = str(error)
    print(json.dumps(reason))  # noqa: T201


if __name__ == "__main__":
    main()
