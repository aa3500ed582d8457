"""Our Net1D beside the published one: `python -m benchmarks.public_encoder PATH/net1d.py`.

The argument is `net1d.py` of github.com/PKUDigitalHealth/ECGFounder, which needs Matplotlib; its code is run. Both get
the same random weights and windows. It prints how many weights the encoder has, and the largest difference of a
feature: `docs/how-to/train.md`.
"""

import importlib.util
import sys
from typing import Any

import torch

from ml.networks.net1d import ECGFOUNDER, LEADS, SAMPLES, Net1d
from ml.networks.public import recognised

CLASSES = 150


def main() -> None:
    """Compare the two."""
    spec = importlib.util.spec_from_file_location("published", sys.argv[1])
    assert spec is not None and spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    torch.manual_seed(0)
    published = module.Net1D(
        in_channels=LEADS,
        base_filters=ECGFOUNDER.width,
        ratio=1,
        filter_list=list(ECGFOUNDER.filters),
        m_blocks_list=list(ECGFOUNDER.blocks),
        kernel_size=ECGFOUNDER.kernel,
        stride=2,
        groups_width=ECGFOUNDER.group,
        use_bn=False,
        use_do=False,
        n_classes=CLASSES,
    ).eval()
    found = recognised(published.state_dict())
    assert found.made_from == ECGFOUNDER
    ours = Net1d(found.made_from).eval()
    ours.load_state_dict(found.weights)
    features: list[torch.Tensor] = []
    published.dense.register_forward_pre_hook(lambda _, given: features.append(given[0]))
    windows = torch.randn(2, LEADS, SAMPLES)
    with torch.inference_mode():
        published(windows)
        difference = (features[0] - ours(windows).mean(dim=-1)).abs().max()
    weights = sum(each.numel() for each in ours.parameters())
    sys.stdout.write(f"{weights:,} weights; largest difference of a feature {difference:.1e}\n")


if __name__ == "__main__":
    main()
