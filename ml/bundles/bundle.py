"""A model as a folder: `weights.safetensors` and `bundle.json`, with everything inference needs and nothing pickled.

The folder also has a model card with its plots, the whole evaluation, and hashes of the patients the model has seen.
`bundle.json` has the SHA-256 of every other file, and `bundle.json.sha256` the SHA-256 of `bundle.json` (in the format
of `sha256sum`), so a changed byte in any file is refused. The manifest is read without torch.
"""

import contextlib
import hashlib
import importlib.metadata
import json
import platform
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ml.evaluation.calibration import CalibrationRule, ChosenBy, Knots, ThresholdRule, probability
from ml.formats.recording import LEADS
from ml.processes.durable import sync
from ml.processes.own_code import OwnName
from ml.processes.run_folder import json_safe
from ml.signals.preprocessing import Preprocessing

if TYPE_CHECKING:
    from torch import Tensor

MAX_MANIFEST_BYTES = 10_000_000
MAX_FILES = 100
SEAL = "bundle.json.sha256"

FileName = Annotated[str, Field(pattern=r"^(plots/)?[a-z0-9_]{1,64}\.(csv|json|md|png|svg)$")]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class InvalidBundle(ValueError):
    """The folder is not a whole bundle; the message says why."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Probability = Annotated[float, Field(ge=0, le=1)]


class BundleLabel(_Part):
    """One output, with its operating point: `ml.evaluation.calibration.OperatingPoint` says what each field means."""

    key: str
    name: str
    threshold: Probability
    threshold_rule: ThresholdRule
    thresholds: dict[ChosenBy, Probability] = {}
    slope: Annotated[float, Field(ge=0)]
    bias: float
    knots: tuple[tuple[float, Probability], ...] = ()
    calibration_rule: CalibrationRule

    @field_validator("knots")
    @classmethod
    def _rising(cls, knots: Knots) -> Knots:
        if any(not (x < next_x and y <= next_y) for (x, y), (next_x, next_y) in pairwise(knots)):
            raise ValueError("the knots of a calibration must rise")
        return knots

    def probability(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Calibrate logits of any shape."""
        return probability(logits, self.slope, self.bias, self.knots)


class EncoderShape(_Part):
    """Size of the ECG encoder: the number of bottleneck blocks of each stage, and the width of the first stage."""

    blocks: Annotated[tuple[Annotated[int, Field(ge=1, le=100)], ...], Field(min_length=1, max_length=8)]
    width: Annotated[int, Field(ge=1, le=1024)]


class Net1dShape(_Part):
    """Size of a Net1D: `ml.networks.net1d.Net1dArchitecture` says what each field means."""

    width: Annotated[int, Field(ge=1, le=1024)]
    filters: Annotated[tuple[Annotated[int, Field(ge=2, le=4096)], ...], Field(min_length=1, max_length=20)]
    blocks: Annotated[tuple[Annotated[int, Field(ge=1, le=100)], ...], Field(min_length=1, max_length=20)]
    kernel: Annotated[int, Field(ge=1, le=256)]
    group: Annotated[int, Field(ge=1, le=4096)]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.filters) != len(self.blocks) or any(out % self.group for out in self.filters):
            raise ValueError("each stage has channels in whole groups, and a number of blocks")
        return self


class EcgFmShape(_Part):
    """Size of an ECG-FM: `ml.networks.ecg_fm.EcgFmArchitecture` says what each field means."""

    convolutions: Annotated[int, Field(ge=1, le=20)]
    channels: Annotated[int, Field(ge=1, le=4096)]
    kernel: Annotated[int, Field(ge=1, le=256)]
    width: Annotated[int, Field(ge=1, le=4096, multiple_of=64)]
    layers: Annotated[int, Field(ge=1, le=100)]
    inner: Annotated[int, Field(ge=1, le=16384)]
    position: Annotated[int, Field(ge=1, le=1024)]
    groups: Annotated[int, Field(ge=1, le=4096)]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.width % self.groups:
            raise ValueError("the width is in whole groups")
        return self


class TextPart(_Part):
    """The text encoder of a CLIP model: everything that turns a phrase into its embedding, except the weights.

    `config` is the configuration of `transformers`' CLIP text model, `tokenizer` the JSON of `tokenizers`, `prompts`
    the phrases that score each label, `weights` what each counts in their mean (all the same where a label has none),
    and `vocabulary` the YAML that brings phrases into normal form, if any.
    """

    config: dict[str, float | int | str | None]
    tokenizer: Annotated[str, Field(repr=False)]
    context: Annotated[int, Field(ge=8, le=512)]
    prompts: dict[str, Annotated[tuple[str, ...], Field(min_length=1)]]
    weights: dict[str, tuple[Probability, ...]] = {}
    vocabulary: Annotated[str | None, Field(repr=False)]
    with_bias: bool

    @model_validator(mode="after")
    def _a_weight_for_each_prompt(self) -> Self:
        for key, weights in self.weights.items():
            if len(weights) != len(self.prompts.get(key, ())) or not sum(weights):
                raise ValueError(f"weights: those of {key} are not one for each of its prompts")
        return self


class Integers(_Part):
    """The model's ECG network in 8-bit integers, as it answers where there is no GPU.

    Attributes
    ----------
    ranges
        The lowest and highest value of each activation, as `ml.networks.onnx_graph.observe` found them.
    labels
        The operating points, chosen again on this network's logits.
    windows
        How many windows of the validation split they were chosen on.
    auroc, float_auroc
        Macro AUROC of this network and of the one in float32 on these windows; None where no label has both classes.
    """

    ranges: Annotated[dict[str, tuple[float, float]], Field(max_length=1000)]
    labels: tuple[BundleLabel, ...]
    windows: Annotated[int, Field(ge=1)]
    auroc: float | None
    float_auroc: float | None

    @field_validator("ranges")
    @classmethod
    def _with_zero(cls, ranges: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
        if not all(low <= 0 <= high for low, high in ranges.values()):
            raise ValueError("a range of activations holds zero")
        return ranges


class Stability(_Part):
    """How a model's decisions stand still when an ECG is changed a little: see `ml.inference.stability`.

    Attributes
    ----------
    ecgs
        How many ECGs were changed, and `source`, which.
    identical
        The share of decisions (a label of an ECG) that stay, by change.
    whole
        The share of ECGs of which every decision stays, by change.
    labels
        By label and change: the share of identical decisions, and the largest difference of probabilities.
    """

    ecgs: Annotated[int, Field(ge=1)]
    source: Annotated[str, Field(max_length=200)]
    identical: dict[str, Probability]
    whole: dict[str, Probability]
    labels: dict[str, dict[str, tuple[Probability, Probability]]]


class Manifest(_Part):
    """The content of `bundle.json`.

    With a `text` part, a label's logit is the cosine similarity with its prompts. `dataset` counts the windows of each
    split, see `ml.corpus.facts`. `metrics` are those of the test split without the curves, which are in
    `evaluation.json`.
    """

    format: Literal[1] = 1
    created_at: AwareDatetime
    paradigm: str
    architecture: Literal["resnet1d", "beatnet", "net1d", "ecg_fm", "own"] = "resnet1d"
    own_encoder: OwnName | None = None
    preset: str
    encoder: EncoderShape | None = None
    net1d: Net1dShape | None = None
    ecg_fm: EcgFmShape | None = None
    leads: tuple[str, ...] = LEADS
    text: TextPart | None = None
    labels: Annotated[tuple[BundleLabel, ...], Field(min_length=1)]
    integers: Integers | None = None
    stability: Stability | None = None
    preprocessing: dict[str, Any]
    dataset_sha256: str
    dataset: dict[str, Any] = {}
    attribution: str = ""
    training: dict[str, Any]
    metrics: dict[str, Any]
    versions: dict[str, str]
    weights_sha256: Sha256
    files: Annotated[dict[FileName, Sha256], Field(max_length=MAX_FILES)] = {}

    @model_validator(mode="after")
    def _names_its_encoder(self) -> Self:
        if (self.architecture == "resnet1d") != (self.encoder is not None):
            raise ValueError("encoder: a resnet1d states its size there, and no other architecture does")
        for name, size in (("net1d", self.net1d), ("ecg_fm", self.ecg_fm)):
            if (self.architecture == name) != (size is not None):
                raise ValueError(f"{name}: a network of this kind states its size there, and no other one does")
        if (self.architecture == "own") != (self.own_encoder is not None):
            raise ValueError("own_encoder: a model with its own encoder names it there, and no other model does")
        return self

    @model_validator(mode="after")
    def _same_labels_in_integers(self) -> Self:
        if self.integers is not None and [label.key for label in self.integers.labels] != [
            label.key for label in self.labels
        ]:
            raise ValueError("integers: its labels are not the model's")
        return self

    @field_validator("leads")
    @classmethod
    def _in_our_order(cls, leads: tuple[str, ...]) -> tuple[str, ...]:
        if leads != LEADS:
            raise ValueError(f"the leads are {', '.join(LEADS)}, in this order")
        return leads

    @field_validator("labels")
    @classmethod
    def _each_once(cls, labels: tuple[BundleLabel, ...]) -> tuple[BundleLabel, ...]:
        if len({label.key for label in labels}) < len(labels):
            raise ValueError("a label appears twice")
        return labels

    @field_validator("preprocessing")
    @classmethod
    def _known_steps(cls, steps: dict[str, Any]) -> dict[str, Any]:
        try:
            Preprocessing.from_dict(steps)
        except TypeError as error:
            raise ValueError("a step has a value of another type") from error
        return steps

    def to_dict(self) -> dict[str, Any]:
        """Return the manifest as JSON values."""
        return self.model_dump(mode="json")

    def to_card(self) -> dict[str, Any]:
        """Return the manifest for people: without tokenizer and vocabulary, which are long and are in the bundle."""
        return self.model_dump(mode="json", exclude={"text": {"tokenizer", "vocabulary"}})


def save(
    folder: Path,
    manifest: Mapping[str, Any],
    weights: "Mapping[str, Tensor]",
    describe: Callable[[Manifest], Mapping[str, bytes]] | None = None,
) -> Manifest:
    """Write a bundle. A folder of that name is either a whole bundle or does not exist.

    `manifest` has the fields of `Manifest`, except `created_at`, `versions`, `weights_sha256` and `files`: they are
    added here. `describe` returns the other files of the bundle by name, see `ml.bundles.card.files`.
    """
    from safetensors.torch import save_file

    building = folder.with_name(f".{folder.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    (building / "plots").mkdir(parents=True)
    save_file({name: tensor.contiguous().cpu() for name, tensor in weights.items()}, building / "weights.safetensors")
    complete = Manifest.model_validate(
        {
            **json_safe(manifest),
            "created_at": datetime.now(UTC),
            "versions": _versions(),
            "weights_sha256": _sha256(building / "weights.safetensors"),
        }
    )
    files = describe(complete) if describe is not None else {}
    for name, content in files.items():
        (building / name).write_bytes(content)
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    complete = Manifest.model_validate({**complete.to_dict(), "files": hashes})
    _put(building, complete, folder)
    return complete


def _put(building: Path, complete: Manifest, folder: Path) -> None:
    """Write the manifest of a bundle that is being built, and move it to its place."""
    text = json.dumps(complete.to_dict(), indent=2, allow_nan=False).encode()
    (building / "bundle.json").write_bytes(text)
    (building / SEAL).write_bytes(_seal(text))
    for path in (*(path for path in building.rglob("*")), building):
        sync(path)
    if folder.exists():  # of an earlier attempt. It is moved away whole: half a bundle must never have this name
        old = folder.with_name(f".{folder.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
        shutil.rmtree(old)
    building.rename(folder)
    sync(folder.parent)


def amend(folder: Path, changes: Mapping[str, Any], describe: Callable[[Manifest], Mapping[str, bytes]]) -> Manifest:
    """Change fields of a bundle's manifest, and the files that `describe` returns for it by name. Weights stay."""
    manifest = read_manifest(folder)
    complete = Manifest.model_validate({**manifest.to_dict(), **json_safe(changes)})
    building = folder.with_name(f".{folder.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    shutil.copytree(folder, building)
    files = describe(complete)
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    complete = Manifest.model_validate({**complete.to_dict(), "files": {**manifest.files, **hashes}})
    for name, content in files.items():
        (building / name).write_bytes(content)
    _put(building, complete, folder)
    return complete


def read_manifest(folder: Path) -> Manifest:
    """Read a bundle's manifest, without its weights and without torch."""
    path = folder / "bundle.json"
    try:
        if path.stat().st_size > MAX_MANIFEST_BYTES:
            raise InvalidBundle(f"{folder.name}: bundle.json is too large")
        text, seal = path.read_bytes(), (folder / SEAL).read_bytes()
    except OSError as error:
        raise InvalidBundle(f"{folder.name}: {error}") from error
    if seal != _seal(text):
        raise InvalidBundle(f"{folder.name}: bundle.json has changed: {SEAL} has another SHA-256")
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, each['loc'])) or 'it'}: {each['msg']}" for each in error.errors()[:5]]
        raise InvalidBundle(f"{folder.name}: bundle.json: {'; '.join(wrong)}") from error


def read_file(folder: Path, manifest: Manifest, name: str) -> bytes:
    """Read one of `manifest.files`, after its hash has been checked."""
    path = folder / name
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != manifest.files[name]:
        raise InvalidBundle(f"{folder.name}: {name} was changed: its SHA-256 is not the one in the manifest")
    return content


def read_weights(folder: Path, manifest: Manifest) -> "dict[str, Tensor]":
    """Read a bundle's weights, after the hash of every file of the bundle has been checked."""
    from safetensors.torch import load

    for name in manifest.files:
        read_file(folder, manifest, name)
    path = folder / "weights.safetensors"
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != manifest.weights_sha256:
        raise InvalidBundle(f"{folder.name}: the weights were changed: their SHA-256 is not the one in the manifest")
    return load(content)  # the bytes that were hashed, not the file a second time


def _seal(text: bytes) -> bytes:
    return f"{hashlib.sha256(text).hexdigest()}  bundle.json\n".encode()


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in ("overread", "torch", "numpy", "scipy", "transformers", "tokenizers"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):  # the last two are an extra
            versions[name] = importlib.metadata.version(name)
    return versions


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
