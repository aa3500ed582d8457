"""The settings of a training run, typed. Unknown settings are refused. Needs no torch.

The names of the paradigms and their sections come from `ml.paradigms.registry`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationInfo, create_model, model_validator

from ml.corpus.sources import HEDGED, Hedged, Source
from ml.evaluation.calibration import DEFAULT_SENSITIVITY, Calibrate, ChosenBy
from ml.paradigms import registry
from ml.paradigms.definition import OWN_SECTION, AnySection, Definition, Section
from ml.processes.own_code import OwnName
from ml.training.presets import PRESETS, on_preset

ALLOW_OWN = "allow_own"
"""The key of pydantic's validation context that allows own paradigms and encoders: `{ALLOW_OWN: True}`."""

ONLY_CONTRASTIVE = ("text_folder", "text_learning_rate")
"""Settings outside a section that only contrastive paradigms have."""

Encoder = Literal["resnet50", "small", "tiny"]
_Share = Annotated[float, Field(gt=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


if TYPE_CHECKING:  # a type checker cannot know what the registry holds
    ParadigmName = str
    Preset = str
    _Sections = _Part
else:
    ParadigmName = Literal[tuple(registry.PARADIGMS)]
    Preset = Literal[tuple(PRESETS)]
    _Sections = create_model(
        "_Sections", __base__=_Part, **{name: (kind | None, None) for name, kind in registry.sections().items()}
    )


class _Shared(_Sections):
    epochs: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    batch_size: Annotated[int, Field(ge=1, le=4096, description="Windows (for CLIP: pairs) an optimiser step.")] = 512
    accumulate: Annotated[int, Field(ge=1, le=256, description="Parts that a batch is divided into.")] = 1
    max_steps: Annotated[
        int | None, Field(ge=1, le=1_000_000_000, description="The run ends after so many steps, in whichever epoch.")
    ] = None
    min_steps: Annotated[
        int,
        Field(ge=0, le=1_000_000_000, description="The run has as many epochs as so many steps take, and all of them."),
    ] = 0
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 1e-4
    text_learning_rate: Annotated[
        float | None, Field(gt=0, le=1, description="Of the text tower; unset: learning_rate.")
    ] = None
    warmup_steps: Annotated[
        int,
        Field(ge=0, le=1_000_000, description="Steps of linear warm-up before the cosine, at most half of the run."),
    ] = 0
    clip_gradients: Annotated[
        float | None, Field(gt=0, le=1e6, description="Longest gradient, the norm over all weights; unset: any.")
    ] = None
    ema_decay: Annotated[
        float | None,
        Field(gt=0, lt=1, description="A moving average of the weights is measured and saved; unset: none."),
    ] = None
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 1e-4
    patience: Annotated[int, Field(ge=1, le=1_000_000, description="Epochs without a better macro AUPRC.")] = 10
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    hedged: Hedged = HEDGED
    threshold_rule: Annotated[ChosenBy, Field(description="How the threshold in use is chosen on validation.")] = (
        "max_f1"
    )
    sensitivity: Annotated[_Share, Field(description="For the threshold rule `sensitivity`.")] = DEFAULT_SENSITIVITY
    calibration: Calibrate = "platt"
    labelled_fraction: Annotated[_Share, Field(description="Share of the training split's patients.")] = 1.0
    freeze_encoder: Annotated[
        bool, Field(description="Train only the linear head; without start_from on a random encoder.")
    ] = False
    precision: Annotated[
        Literal["auto", "fp32", "bf16"], Field(description="auto: bf16 where the hardware has it.")
    ] = "auto"
    checkpoint_steps: Annotated[int, Field(ge=1, description="Steps between two checkpoints.")] = 1000

    def section(self, kind: type[AnySection]) -> AnySection:
        """Return the section of this kind, or its defaults."""
        return next((each for name in registry.sections() if isinstance(each := getattr(self, name), kind)), kind())


class Options(_Shared):
    """What may differ from the preset. A section belongs to its paradigms and is refused for others."""

    encoder: Encoder = "resnet50"


class Config(_Shared):
    """A run's `config.json`; the defaults are the paper's (section 4.2)."""

    encoder: Annotated[Encoder | OwnName, Field(description="A preset, or your own as package.module:function.")] = (
        "resnet50"
    )
    dataset: Path
    paradigm: Annotated[
        ParadigmName | OwnName, Field(description="A registered one, or your own as package.module:DEFINITION.")
    ] = "supervised"
    own: Annotated[dict[str, JsonValue] | None, Field(description="The section of your own paradigm.")] = None
    preset: Preset = "paper"
    label_source: Source = "overread"
    unlabelled: Annotated[Path | None, Field(description="A dataset for self-training; its labels are not read.")] = (
        None
    )
    start_from: Annotated[Path | None, Field(description="A bundle or a folder of a public encoder's weights.")] = None
    text_folder: Annotated[Path | None, Field(description="Pretrained CLIP text weights and tokenizer.json.")] = None
    device: str | None = None
    threads: Annotated[int, Field(ge=1)] | None = None
    corpus_on_gpu: Annotated[Literal["auto", "always", "never"], Field(description="auto: if it fits.")] = "auto"

    def definition(self, allow_own: bool = False) -> Definition:
        """Return the paradigm's definition."""
        return registry.find(self.paradigm, allow_own)

    def sections(self, allow_own: bool = False) -> dict[str, Section]:
        """Return the sections that are given, by name."""
        given = {name: getattr(self, name) for name in registry.sections() if getattr(self, name) is not None}
        if self.own is not None:
            given[OWN_SECTION] = self.definition(allow_own).sections[OWN_SECTION].model_validate(self.own)
        return given

    @model_validator(mode="before")
    @classmethod
    def _on_preset(cls, given: Any, info: ValidationInfo) -> Any:
        """Fill in what the preset says, and only the sections that the paradigm has."""
        if not isinstance(given, Mapping):
            return given
        try:
            definition = registry.find(str(given.get("paradigm", "supervised")), _allowed(info))
        except ValueError:  # the field's own check names it
            return given
        return on_preset(given, definition)

    @model_validator(mode="after")
    def _fits_the_paradigm(self, info: ValidationInfo) -> Self:
        definition, name = self.definition(_allowed(info)), self.paradigm
        belongs = {section: section in definition.sections for section in (*registry.sections(), OWN_SECTION)}
        belongs |= {"unlabelled": definition.unlabelled, **dict.fromkeys(ONLY_CONTRASTIVE, definition.contrastive)}
        for setting, does in belongs.items():
            if getattr(self, setting) is not None and not does:
                raise ValueError(f"{setting} has no meaning for {name}")
        self.sections(_allowed(info))
        if definition.unlabelled and self.unlabelled is None:
            raise ValueError(f"{name} needs an unlabelled dataset")
        if self.freeze_encoder and not definition.linear_head:
            raise ValueError(f"freeze_encoder has no meaning for {name}, whose head is not linear")
        if self.label_source not in definition.label_sources:
            raise ValueError(f"label_source: {name} cannot be {self.label_source}; {definition.why_these_sources}")
        if self.max_steps is not None and self.max_steps < self.min_steps:
            raise ValueError(f"max_steps: fewer than the {self.min_steps} of min_steps")
        if self.accumulate > self.batch_size:
            raise ValueError(f"accumulate: a batch of {self.batch_size} windows has no {self.accumulate} parts")
        return self


def _allowed(info: ValidationInfo) -> bool:
    return bool(info.context and info.context.get(ALLOW_OWN))
