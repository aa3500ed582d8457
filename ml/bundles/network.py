"""Models from what is written of them: of a new run, of a bundle, and of a bundle that a run starts from."""

from dataclasses import asdict
from pathlib import Path

from torch import Tensor, nn

from ml.bundles.bundle import EncoderShape, InvalidBundle, Manifest, TextPart, read_manifest, read_weights
from ml.networks.beatnet import BEAT_PRESETS, BeatNet
from ml.networks.clip import Clip
from ml.networks.resnet1d import Architecture, ResNet1d
from ml.networks.text import TextEncoder, Tokenizer

Model = ResNet1d | Clip


def encoder_shape(model: nn.Module) -> EncoderShape:
    """Say how large a model's ECG encoder is."""
    return EncoderShape.model_validate(asdict(encoder_of(model).architecture))


def encoder_of(model: nn.Module) -> ResNet1d:
    """Give the ECG side of a model."""
    if isinstance(model, Clip):
        return model.ecg
    assert isinstance(model, ResNet1d)
    return model


def architecture(manifest: Manifest) -> Architecture:
    """Give the size of a bundle's ECG encoder."""
    assert manifest.encoder is not None
    return Architecture(manifest.encoder.blocks, manifest.encoder.width)


def of_bundle(folder: Path, manifest: Manifest) -> Model | BeatNet:
    """Build a bundle's model and load its weights."""
    model: Model | BeatNet
    if manifest.architecture == "beatnet":
        if manifest.preset not in BEAT_PRESETS:
            raise InvalidBundle(f"{folder.name}: no network is called {manifest.preset}")
        model = BeatNet(BEAT_PRESETS[manifest.preset], len(manifest.labels))
    elif manifest.text is None:
        model = ResNet1d(architecture(manifest), len(manifest.labels))
    else:
        text = TextEncoder(dict(manifest.text.config))
        model = Clip(architecture(manifest), text, manifest.text.with_bias)
    try:
        model.load_state_dict(read_weights(folder, manifest))
    except RuntimeError as error:
        raise InvalidBundle(f"{folder.name}: the weights do not fit the network") from error
    return model


def tokenizer_of(part: TextPart) -> Tokenizer:
    """Give a bundle's tokenizer."""
    return Tokenizer(part.tokenizer, part.context)


class Start:
    """A bundle that a run starts from."""

    def __init__(self, folder: Path) -> None:
        self.manifest = read_manifest(folder)
        model = of_bundle(folder, self.manifest)
        if isinstance(model, BeatNet):
            raise ValueError("a run cannot start from the starter model: its network is of another kind")
        self._model = model

    @property
    def architecture(self) -> Architecture:
        """The encoder's size, which the run's encoder has too."""
        return architecture(self.manifest)

    def give(self, model: Model, labels: list[str], only_encoder: bool = False) -> None:
        """Copy weights: the whole model where it is of the same kind, else its ECG encoder.

        A linear head is of the same kind where the labels are the same ones in the same order.
        """
        theirs = self._model
        alike = isinstance(theirs, Clip) or [label.key for label in self.manifest.labels] == labels
        if type(model) is type(theirs) and alike and not only_encoder:
            missing = model.load_state_dict(theirs.state_dict(), strict=False).missing_keys
            assert missing in ([], ["bias"])  # of the sigmoid targets
        else:
            encoder_of(model).encoder.load_state_dict(encoder_of(theirs).encoder.state_dict())


def freeze_encoder(model: ResNet1d, keep_statistics: bool) -> None:
    """Let only the head learn.

    A trained encoder keeps the statistics of its batch normalisation. A random one has none worth keeping: they follow
    the data, which is all that it learns.
    """
    model.encoder.requires_grad_(False)
    if keep_statistics:
        model.register_forward_pre_hook(_in_evaluation)


def _in_evaluation(model: nn.Module, _: tuple[Tensor, ...]) -> None:
    assert isinstance(model, ResNet1d)
    model.encoder.eval()
