"""Models built from a bundle."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ml.bundles.bundle import EcgFmShape, EncoderShape, InvalidBundle, Manifest, Net1dShape, TextPart, read_weights
from ml.networks.beatnet import BEAT_PRESETS, BeatNet
from ml.networks.clip import Clip
from ml.networks.ecg import EcgNetwork, Encoder, OwnEncoder, encoder_named
from ml.networks.ecg_fm import EcgFmArchitecture
from ml.networks.net1d import Net1dArchitecture
from ml.networks.resnet1d import Architecture
from ml.networks.text import TextEncoder, Tokenizer

Model = EcgNetwork | Clip


def encoder_of(model: nn.Module) -> EcgNetwork:
    """Return the ECG network of a model."""
    if isinstance(model, Clip):
        return model.ecg
    if not isinstance(model, EcgNetwork):
        raise TypeError(f"a paradigm's model is an EcgNetwork or a Clip, not a {type(model).__name__}")
    return model


def describe_encoder(model: nn.Module) -> dict[str, Any]:
    """Return what a manifest says of a model's ECG encoder."""
    made_from = encoder_of(model).made_from
    if isinstance(made_from, OwnEncoder):
        return {"architecture": "own", "own_encoder": made_from.name}
    if isinstance(made_from, Net1dArchitecture):
        return {"architecture": "net1d", "net1d": Net1dShape.model_validate(asdict(made_from))}
    if isinstance(made_from, EcgFmArchitecture):
        return {"architecture": "ecg_fm", "ecg_fm": EcgFmShape.model_validate(asdict(made_from))}
    return {"architecture": "resnet1d", "encoder": EncoderShape.model_validate(asdict(made_from))}


def encoder_in(manifest: Manifest, allow_own: bool) -> Encoder:
    """Return what a bundle's ECG encoder is made from."""
    if manifest.own_encoder is not None:
        return encoder_named(manifest.own_encoder, allow_own)
    if manifest.net1d is not None:
        return Net1dArchitecture(**dict(manifest.net1d))
    if manifest.ecg_fm is not None:
        return EcgFmArchitecture(**dict(manifest.ecg_fm))
    assert manifest.encoder is not None
    return Architecture(manifest.encoder.blocks, manifest.encoder.width)


def network_of(name: str, manifest: Manifest, allow_own: bool = False) -> Model | BeatNet:
    """Build the network that a bundle describes, with random weights; `name` is the bundle's in messages."""
    if manifest.architecture == "beatnet":
        if manifest.preset not in BEAT_PRESETS:
            raise InvalidBundle(f"{name}: no network is called {manifest.preset}")
        return BeatNet(BEAT_PRESETS[manifest.preset], len(manifest.labels))
    if manifest.text is None:
        return EcgNetwork(encoder_in(manifest, allow_own), len(manifest.labels))
    text = TextEncoder(dict(manifest.text.config))
    return Clip(encoder_in(manifest, allow_own), text, manifest.text.with_bias)


def of_bundle(folder: Path, manifest: Manifest, allow_own: bool = False) -> Model | BeatNet:
    """Build a bundle's model and load its weights. `allow_own`: import the encoder that the bundle names, if any."""
    model = network_of(folder.name, manifest, allow_own)
    try:
        model.load_state_dict(read_weights(folder, manifest))
    except RuntimeError as error:
        raise InvalidBundle(f"{folder.name}: the weights do not fit the network") from error
    return model


def tokenizer_of(part: TextPart) -> Tokenizer:
    """Return a bundle's tokenizer."""
    return Tokenizer(part.tokenizer, part.context)


def freeze_encoder(model: EcgNetwork, keep_statistics: bool) -> None:
    """Let only the head learn.

    A trained encoder keeps the statistics of its batch normalisation. A random encoder's statistics follow the data:
    that is all it learns.
    """
    model.encoder.requires_grad_(False)
    if keep_statistics:
        model.register_forward_pre_hook(_in_evaluation)


def _in_evaluation(model: nn.Module, _: tuple[Tensor, ...]) -> None:
    assert isinstance(model, EcgNetwork)
    model.encoder.eval()
