"""What a run starts from: a bundle, or a folder with the weights of a public encoder as their authors give them out."""

import hashlib
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ml.bundles.bundle import InvalidBundle, TextPart, read_manifest
from ml.bundles.network import Model, encoder_of, of_bundle
from ml.bundles.patients import SeenPatients, read_seen
from ml.networks.beatnet import BeatNet
from ml.networks.clip import Clip
from ml.networks.ecg import Encoder
from ml.networks.public import NotRecognised, PublicEncoder, recognised

SUFFIXES = (".safetensors", ".pth", ".pt")

_WRAPPED_IN = ("state_dict", "model")
_PREFIX = "module."  # of a network that was trained on several GPUs


class Start:
    """A bundle, or a public encoder, that a run starts from.

    Attributes
    ----------
    encoder
        What the ECG encoder is made from; the run's encoder is made from the same.
    text
        The text encoder of a bundle that has one.
    """

    def __init__(self, folder: Path, allow_own: bool = False) -> None:
        self.encoder: Encoder
        self.text: TextPart | None = None
        self._model: Model | None = None
        self._public: PublicEncoder | None = None
        self._labels: list[str] = []
        if not _is_bundle(folder):
            self._public = public_encoder(folder)
            self.encoder = self._public.made_from
            return
        manifest = read_manifest(folder)
        model = of_bundle(folder, manifest, allow_own)
        if isinstance(model, BeatNet):
            raise ValueError("start_from: a run cannot start from the starter model, whose network is of another kind")
        self._model, self.text = model, manifest.text
        self._labels = [label.key for label in manifest.labels]
        self.encoder = encoder_of(model).made_from

    def copy_to(self, model: Model, labels: list[str], only_encoder: bool = False) -> None:
        """Copy weights: the whole model if it is of the same kind, otherwise its ECG encoder.

        Linear heads are of the same kind if they have the same labels in the same order.
        """
        theirs = self._model
        if theirs is None:
            assert self._public is not None
            encoder_of(model).encoder.load_state_dict(self._public.weights)
            return
        alike = isinstance(theirs, Clip) or self._labels == labels
        if type(model) is type(theirs) and alike and not only_encoder:
            missing = model.load_state_dict(theirs.state_dict(), strict=False).missing_keys
            assert missing in ([], ["bias"])  # of the sigmoid targets
        else:
            encoder_of(model).encoder.load_state_dict(encoder_of(theirs).encoder.state_dict())


def started_from(folder: Path) -> str:
    """Return the SHA-256 of the weights that a run starts from."""
    if _is_bundle(folder):
        return read_manifest(folder).weights_sha256
    with _weights_file(folder).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seen_before(folder: Path) -> SeenPatients | None:
    """Return the patients in the training of what a run starts from; None: unknown, as of a public encoder."""
    return read_seen(folder, read_manifest(folder)) if _is_bundle(folder) else None


def public_encoder(folder: Path) -> PublicEncoder:
    """Read the one file of weights in a folder: safetensors, or torch's format, of which tensors and numbers are read.

    Raises `InvalidBundle` where the folder has no such file or several, where the file holds anything else, and where
    the weights are of no encoder that is known.
    """
    path = _weights_file(folder)
    try:
        return recognised(_read(path))
    except NotRecognised as error:
        raise InvalidBundle(f"{path.name}: {error}") from error


def _is_bundle(folder: Path) -> bool:
    return (folder / "bundle.json").exists()


def _weights_file(folder: Path) -> Path:
    found = [path for path in sorted(folder.iterdir()) if path.suffix in SUFFIXES] if folder.is_dir() else []
    if len(found) != 1:
        what = ", ".join(path.name for path in found[:3]) if found else "neither bundle.json nor a file of weights"
        kinds = ", ".join(SUFFIXES)
        raise InvalidBundle(f"{folder.name}: to start from, a folder holds a bundle, or one of {kinds}; here is {what}")
    return found[0]


def _read(path: Path) -> dict[str, Tensor]:
    content: Any = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    for key in _WRAPPED_IN:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict):
        raise InvalidBundle(f"{path.name} holds no weights by name")
    return {str(name).removeprefix(_PREFIX): each for name, each in content.items() if isinstance(each, Tensor)}


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise InvalidBundle(f"{path.name} is damaged: {error}") from error


def _read_torch(path: Path) -> object:
    """Read a file in torch's format; of what is in it only tensors, numbers and texts are made, never an object."""
    try:
        with torch.serialization.safe_globals(_NUMBERS):
            content: object = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        first = str(error).strip().splitlines()[0][:200] if str(error).strip() else "it cannot be read"
        raise InvalidBundle(
            f"{path.name} holds more than tensors and numbers, or is damaged, and is not unpickled ({first}); where you"
            " trust it, save its weights as safetensors once"
        ) from error
    return content


_SCALAR = np.float64(0).__reduce__()[0]
_NUMBERS: list[Any] = [
    *((_SCALAR, f"{module}.multiarray.scalar") for module in ("numpy.core", "numpy._core")),
    np.dtype,
    *(type(np.dtype(kind)) for kind in (np.float64, np.float32, np.int64)),
]
"""What the figures beside published weights are made of: numbers of NumPy."""
