"""What a training run can be told, typed; what is not named here is refused. Read without torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from ml.corpus.sources import HEDGED, Hedged, Source
from ml.evaluation.calibration import DEFAULT_SENSITIVITY, Calibrate, ChosenBy

ParadigmName = Literal["supervised", "self_training", "clip", "negclip"]
Encoder = Literal["resnet50", "small", "tiny"]
Preset = Literal["paper", "laptop", "test", "resnet50", "small", "tiny"]

_Phrase = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_Share = Annotated[float, Field(gt=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SelfTrainingOptions(_Part):
    """FixMatch with soft targets (paper, Equation 2)."""

    weight: Annotated[float, Field(ge=0, le=100, description="λ")] = 1.0
    alpha: Annotated[float, Field(gt=0, le=1, description="What a pseudo-label must reach.")] = 0.95
    mask: Literal["sample_max", "class_positive", "class_two_sided"] = "sample_max"
    batch_size: Annotated[
        Annotated[int, Field(ge=1, le=4096)] | None, Field(description="Unlabelled windows a step; unset: batch_size.")
    ] = None
    fraction: Annotated[_Share, Field(description="Of the unlabelled corpus (paper, appendix E).")] = 1.0


class ContrastiveOptions(_Part):
    """CLIP and NegCLIP (paper, Equations 3 and 4)."""

    targets: Literal["diagonal", "masked", "multi_positive", "sigmoid"] = "diagonal"
    unit: Annotated[Literal["statement", "report"], Field(description="What a text is (paper, Figure 3).")] = (
        "statement"
    )
    prompts: Annotated[
        dict[str, Annotated[list[_Phrase], Field(min_length=1, max_length=50)]],
        Field(max_length=63, description="Phrases a label is scored by, in place of those that ship."),
    ] = {}


class TextOptions(_Part):
    """The text tower and its tokenizer; the defaults are CLIP's, but for the tokenizer's size."""

    layers: Annotated[int, Field(ge=1, le=48)] = 12
    width: Annotated[int, Field(ge=8, le=2048)] = 512
    heads: Annotated[int, Field(ge=1, le=64)] = 8
    context: Annotated[int, Field(ge=8, le=512, description="Tokens of a text at most.")] = 77
    tokens: Annotated[int, Field(ge=300, le=50_000, description="Of the tokenizer that is trained.")] = 8192
    dimension: Annotated[int, Field(ge=8, le=2048, description="Of the common space.")] = 512

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"a width of {self.width} cannot be shared by {self.heads} heads")
        return self


class Options(_Part):
    """What may differ from the preset. Sections belong to their paradigm and are refused elsewhere."""

    encoder: Encoder = "resnet50"
    epochs: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    batch_size: Annotated[int, Field(ge=1, le=4096, description="Windows (for CLIP: pairs) an optimiser step.")] = 512
    accumulate: Annotated[int, Field(ge=1, le=256, description="Parts a batch is worked through in.")] = 1
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 1e-4
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 1e-4
    patience: Annotated[int, Field(ge=1, le=1_000_000, description="Epochs without a better macro AUPRC.")] = 10
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    hedged: Hedged = HEDGED
    threshold_rule: Annotated[ChosenBy, Field(description="Of the threshold in use, chosen on validation.")] = "max_f1"
    sensitivity: Annotated[_Share, Field(description="Of the threshold rule of that name.")] = DEFAULT_SENSITIVITY
    calibration: Calibrate = "platt"
    labelled_fraction: Annotated[_Share, Field(description="Of the training split's patients.")] = 1.0
    freeze_encoder: Annotated[
        bool, Field(description="Train the linear head alone; without start_from on a random encoder.")
    ] = False
    precision: Annotated[Literal["auto", "fp32", "bf16"], Field(description="auto: bf16 on a GPU.")] = "auto"
    checkpoint_steps: Annotated[int, Field(ge=1, description="Steps between two checkpoints.")] = 1000
    self_training: SelfTrainingOptions | None = None
    contrastive: ContrastiveOptions | None = None
    text: TextOptions | None = None


class Config(Options):
    """A run's `config.json`; the defaults are the paper's (section 4.2)."""

    dataset: Path
    paradigm: ParadigmName = "supervised"
    preset: Preset = "paper"
    label_source: Source = "overread"
    unlabelled: Annotated[Path | None, Field(description="A dataset for self-training; its labels are not read.")] = (
        None
    )
    start_from: Annotated[Path | None, Field(description="A bundle whose weights are the first ones.")] = None
    text_folder: Annotated[Path | None, Field(description="Pretrained CLIP text weights and tokenizer.json.")] = None
    device: str | None = None
    threads: Annotated[int, Field(ge=1)] | None = None
    corpus_on_gpu: Annotated[Literal["auto", "always", "never"], Field(description="auto: where it fits.")] = "auto"

    @model_validator(mode="before")
    @classmethod
    def _on_preset(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        preset = PRESETS.get(str(given.get("preset", "paper")), {})
        contrastive = given.get("paradigm") in ("clip", "negclip")
        defaults = {name: value for name, value in preset.items() if contrastive or name != "text"}
        if contrastive:
            defaults["batch_size"] = CONTRASTIVE_BATCH.get(str(given.get("preset", "paper")), 256)
        merged = {**defaults, **given}
        if contrastive and isinstance(given.get("text"), Mapping):
            merged["text"] = {**defaults.get("text", {}), **given["text"]}
        return merged

    @model_validator(mode="after")
    def _sections(self) -> Self:
        contrastive, self_training = self.paradigm in ("clip", "negclip"), self.paradigm == "self_training"
        for name, belongs in (
            ("self_training", self_training),
            ("unlabelled", self_training),
            ("contrastive", contrastive),
            ("text", contrastive),
            ("text_folder", contrastive),
        ):
            if getattr(self, name) is not None and not belongs:
                raise ValueError(f"{name} has no meaning for {self.paradigm}")
        if self_training and self.unlabelled is None:
            raise ValueError("self_training needs an unlabelled dataset")
        if self.freeze_encoder and self.paradigm != "supervised":
            raise ValueError("freeze_encoder is for supervised: only its head is linear")
        if self.paradigm == "negclip" and self.label_source == "machine":
            raise ValueError("negclip learns from over-reads: what only the machine says is its hard negative")
        if self.accumulate > self.batch_size:
            raise ValueError("accumulate: a batch has fewer windows than that")
        return self


CONTRASTIVE_BATCH = {"laptop": 64, "test": 8}  # the paper's: 256
_SMALL_TEXT = {"layers": 4, "width": 128, "heads": 4, "tokens": 2048, "dimension": 128}
_TINY_TEXT = {"layers": 2, "width": 32, "heads": 2, "context": 32, "tokens": 320, "dimension": 32}

PRESETS: Mapping[str, dict[str, Any]] = {
    "paper": {"encoder": "resnet50", "text": {}},
    "laptop": {
        "encoder": "small",
        "epochs": 20,
        "batch_size": 64,
        "learning_rate": 1e-3,
        "patience": 5,
        "text": _SMALL_TEXT,
    },
    "test": {"encoder": "tiny", "epochs": 3, "batch_size": 8, "learning_rate": 3e-3, "text": _TINY_TEXT},
    # a network of another size, and else the paper's setting
    "resnet50": {"encoder": "resnet50", "text": {}},
    "small": {"encoder": "small", "text": _SMALL_TEXT},
    "tiny": {"encoder": "tiny", "text": _TINY_TEXT},
}
