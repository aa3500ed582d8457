"""`python -m ml.bundles.check FOLDER`: whether the network that a bundle describes takes its weights.

The network is built without memory for its weights, and only the weights' header is read. The answer is one line of
JSON on standard output: null, or the reason why the bundle cannot be used.
"""

import json
import sys
from pathlib import Path

import torch

from ml.bundles.archive import shapes
from ml.bundles.bundle import InvalidBundle, read_manifest
from ml.bundles.network import network_of, tokenizer_of
from ml.bundles.patients import read_seen


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
