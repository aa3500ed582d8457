"""A model as a folder: `weights.safetensors` and `bundle.json`, with everything inference needs and nothing pickled."""

import hashlib
import json
import math
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ml.signals.preprocessing import Preprocessing

if TYPE_CHECKING:
    from torch import Tensor

MAX_MANIFEST_BYTES = 10_000_000


class InvalidBundle(ValueError):
    """The folder is not a whole bundle; the message says why."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BundleLabel(_Part):
    """One output: its threshold is on the score, its calibration is Platt's: probability = σ(slope · logit + bias)."""

    key: str
    name: str
    threshold: Annotated[float, Field(ge=0, le=1)]
    slope: float = 1.0
    bias: float = 0.0


class Manifest(_Part):
    """Everything a bundle says of itself."""

    format: Literal[1] = 1
    paradigm: str
    architecture: Literal["resnet1d"] = "resnet1d"
    preset: str
    labels: tuple[BundleLabel, ...]
    preprocessing: dict[str, Any]
    dataset_sha256: str
    training: dict[str, Any]
    metrics: dict[str, Any]
    versions: dict[str, str]
    weights_sha256: str

    def to_dict(self) -> dict[str, Any]:
        """Give the manifest as JSON values."""
        return self.model_dump(mode="json")


def save(folder: Path, manifest: Mapping[str, Any], weights: "dict[str, Tensor]") -> Manifest:
    """Write a bundle; a folder of that name is a whole bundle or there is none."""
    from safetensors.torch import save_file

    building = folder.with_name(f".{folder.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    save_file({name: tensor.contiguous().cpu() for name, tensor in weights.items()}, building / "weights.safetensors")
    complete = Manifest.model_validate({**manifest, "weights_sha256": _sha256(building / "weights.safetensors")})
    (building / "bundle.json").write_text(json.dumps(json_safe(complete.to_dict()), indent=2, allow_nan=False))
    for path in (building / "weights.safetensors", building / "bundle.json", building):
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
    shutil.rmtree(folder, ignore_errors=True)
    building.rename(folder)
    return complete


def read_manifest(folder: Path) -> Manifest:
    """Read what a bundle says of itself, without its weights (and without torch)."""
    path = folder / "bundle.json"
    try:
        if path.stat().st_size > MAX_MANIFEST_BYTES:
            raise InvalidBundle("bundle.json is too large")
        manifest = Manifest.model_validate_json(path.read_bytes())
        Preprocessing.from_dict(manifest.preprocessing)
    except (OSError, ValidationError, ValueError) as error:
        raise InvalidBundle(f"{folder.name}: {error}") from error
    return manifest


def read_weights(folder: Path, manifest: Manifest) -> "dict[str, Tensor]":
    """Read a bundle's weights, after their hash has been checked."""
    from safetensors.torch import load_file

    path = folder / "weights.safetensors"
    if not path.is_file() or _sha256(path) != manifest.weights_sha256:
        raise InvalidBundle(f"{folder.name}: the weights are not those the manifest speaks of")
    return load_file(path)


def json_safe(value: Any) -> Any:
    """Replace NaN, which JSON does not know, by null."""
    if isinstance(value, dict):
        return {key: json_safe(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_safe(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
