"""Our networks beside the published ones: `python -m benchmarks.public_encoder net1d|ecg-fm PATH`.

PATH is a copy of github.com/PKUDigitalHealth/ECGFounder, or of github.com/Jwoo5/fairseq-signals; its code is run (it
needs Matplotlib). Both networks get the same random weights and windows. It prints how many weights the encoder has,
and the largest difference of a feature: `docs/how-to/train.md`.
"""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from ml.networks.ecg_fm import ECG_FM, HEAD, EcgFm
from ml.networks.net1d import ECGFOUNDER, LEADS, SAMPLES, Net1d
from ml.networks.public import recognised

CLASSES = 150


def net1d(folder: Path) -> tuple[nn.Module, Tensor, Tensor]:
    """Return our Net1D, and the features of both."""
    spec = importlib.util.spec_from_file_location("published", folder / "net1d.py")
    assert spec is not None and spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
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
    ours = Net1d(ECGFOUNDER).eval()
    ours.load_state_dict(found.weights)
    features: list[Tensor] = []
    published.dense.register_forward_pre_hook(lambda _, given: features.append(given[0]))
    windows = torch.randn(2, LEADS, SAMPLES)
    published(windows)
    return ours, features[0], ours(windows).mean(dim=-1)


def ecg_fm(folder: Path) -> tuple[nn.Module, Tensor, Tensor]:
    """Return our ECG-FM, and the features of both for 5 s. The published parts are put together as its forward does."""
    package = ModuleType("fairseq_signals")  # its own `__init__` needs much more
    package.__path__ = [str(folder / "fairseq_signals")]
    sys.modules["fairseq_signals"] = package
    for name in ("fairseq_signals.distributed", "fairseq_signals.distributed.utils"):  # of several GPUs
        sys.modules[name] = ModuleType(name)
    sys.modules["fairseq_signals.distributed"].utils = sys.modules["fairseq_signals.distributed.utils"]  # type: ignore[attr-defined]
    parts: Any = importlib.import_module("fairseq_signals.modules")
    size = SimpleNamespace(
        encoder_embed_dim=ECG_FM.width,
        encoder_ffn_embed_dim=ECG_FM.inner,
        encoder_attention_heads=ECG_FM.width // HEAD,
        encoder_layers=ECG_FM.layers,
        conv_pos=ECG_FM.position,
        conv_pos_groups=ECG_FM.groups,
        dropout=0.1,
        attention_dropout=0.1,
        activation_dropout=0.0,
        encoder_layerdrop=0.0,
        layer_norm_first=False,
        saliency=False,
    )
    layers = [(ECG_FM.channels, ECG_FM.kernel, ECG_FM.kernel)] * ECG_FM.convolutions
    published = nn.ModuleDict(
        {
            "feature_extractor": parts.ConvFeatureExtraction(conv_layers=layers, in_d=LEADS),
            "layer_norm": parts.LayerNorm(ECG_FM.channels),
            "post_extract_proj": nn.Linear(ECG_FM.channels, ECG_FM.width),
            "conv_pos": parts.ConvPositionalEncoding(size),
            "encoder": parts.TransformerEncoder(size),
        }
    ).eval()
    found = recognised(published.state_dict())
    assert found.made_from == ECG_FM
    ours = EcgFm(ECG_FM).eval()
    ours.load_state_dict(found.weights)
    halves = torch.randn(2, LEADS, SAMPLES // 2)
    x = published["layer_norm"](published["feature_extractor"](halves).transpose(1, 2))
    x = published["post_extract_proj"](x)
    x = published["encoder"](x + published["conv_pos"](x, channel_first=False))["x"]
    return ours, x, ours.encode_half(halves)


def main() -> None:
    """Compare the two."""
    torch.manual_seed(0)
    with torch.inference_mode():
        ours, theirs, own = {"net1d": net1d, "ecg-fm": ecg_fm}[sys.argv[1]](Path(sys.argv[2]))
    weights = sum(each.numel() for each in ours.parameters())
    difference, largest = (theirs - own).abs().max(), theirs.abs().max()
    sys.stdout.write(f"{weights:,} weights; largest difference of a feature {difference:.1e} of {largest:.2f}\n")


if __name__ == "__main__":
    main()
