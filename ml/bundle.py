"""A model as a folder: `weights.safetensors` and `bundle.json`, with everything inference needs and nothing pickled.

What a bundle says of itself is read without torch.
"""

import hashlib
import importlib.metadata
import json
import platform
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from ml.calibration import CalibrationRule, ThresholdRule
from ml.run_folder import json_safe, sync
from ml.signals.preprocessing import Preprocessing

if TYPE_CHECKING:
    from torch import Tensor

MAX_MANIFEST_BYTES = 10_000_000


class InvalidBundle(ValueError):
    """The folder is not a whole bundle; the message says why."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class BundleLabel(_Part):
    """One output: the threshold is on the score σ(logit), the probability is σ(slope · logit + bias)."""

    key: str
    name: str
    threshold: Annotated[float, Field(ge=0, le=1)]
    threshold_rule: ThresholdRule
    slope: Annotated[float, Field(ge=0)]
    bias: float
    calibration_rule: CalibrationRule


class Manifest(_Part):
    """Everything a bundle says of itself."""

    format: Literal[1] = 1
    created_at: AwareDatetime
    paradigm: str
    architecture: Literal["resnet1d", "beatnet"] = "resnet1d"
    preset: str
    labels: Annotated[tuple[BundleLabel, ...], Field(min_length=1)]
    preprocessing: dict[str, Any]
    dataset_sha256: str
    training: dict[str, Any]
    metrics: dict[str, Any]
    versions: dict[str, str]
    weights_sha256: str

    @field_validator("labels")
    @classmethod
    def _each_once(cls, labels: tuple[BundleLabel, ...]) -> tuple[BundleLabel, ...]:
        if len({label.key for label in labels}) < len(labels):
            raise ValueError("a label is there twice")
        return labels

    @field_validator("preprocessing")
    @classmethod
    def _known_steps(cls, steps: dict[str, Any]) -> dict[str, Any]:
        Preprocessing.from_dict(steps)
        return steps

    def to_dict(self) -> dict[str, Any]:
        """Give the manifest as JSON values."""
        return self.model_dump(mode="json")


def save(folder: Path, manifest: Mapping[str, Any], weights: "Mapping[str, Tensor]") -> Manifest:
    """Write a bundle; a folder of that name is a whole bundle or there is none.

    `manifest` has the fields of `Manifest` but `created_at`, `versions` and `weights_sha256`, which are added here.
    """
    from safetensors.torch import save_file

    building = folder.with_name(f".{folder.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    save_file({name: tensor.contiguous().cpu() for name, tensor in weights.items()}, building / "weights.safetensors")
    complete = Manifest.model_validate(
        {
            **json_safe(manifest),
            "created_at": datetime.now(UTC),
            "versions": _versions(),
            "weights_sha256": _sha256(building / "weights.safetensors"),
        }
    )
    (building / "bundle.json").write_text(json.dumps(complete.to_dict(), indent=2, allow_nan=False))
    for path in (building / "weights.safetensors", building / "bundle.json", building):
        sync(path)
    if folder.exists():  # an earlier attempt's: moved away whole, for half a bundle must never have this name
        old = folder.with_name(f".{folder.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
        shutil.rmtree(old)
    building.rename(folder)
    sync(folder.parent)
    return complete


def read_manifest(folder: Path) -> Manifest:
    """Read what a bundle says of itself, without its weights (and without torch)."""
    path = folder / "bundle.json"
    try:
        if path.stat().st_size > MAX_MANIFEST_BYTES:
            raise InvalidBundle("bundle.json is too large")
        return Manifest.model_validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InvalidBundle(f"{folder.name}: {error}") from error


def read_weights(folder: Path, manifest: Manifest) -> "dict[str, Tensor]":
    """Read a bundle's weights, after their hash has been checked."""
    from safetensors.torch import load

    path = folder / "weights.safetensors"
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != manifest.weights_sha256:
        raise InvalidBundle(f"{folder.name}: the weights are not those the manifest speaks of")
    return load(content)  # the bytes that were hashed, not the file a second time


def _versions() -> dict[str, str]:
    packages = ("overread", "torch", "numpy", "scipy")
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in packages}}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
