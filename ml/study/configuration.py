"""The settings of a study. Needs no torch."""

import json
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from ml.corpus.sources import HEDGED, Hedged, Source
from ml.paradigms.choices import Targets
from ml.study.grid import Grid, check_grid

ParadigmName = Annotated[str, StringConstraints(pattern="^[a-z][a-z0-9_]{0,40}$")]
Share = Annotated[float, Field(gt=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Ablations(_Part):
    """What is varied besides the paradigms. By default only the random encoder is added, as a baseline."""

    granularity: Annotated[bool, Field(description="NegCLIP on whole reports beside statements (Figure 3).")] = False
    weights: Annotated[
        tuple[Annotated[float, Field(ge=0, le=100)], ...],
        Field(max_length=20, description="λ of self-training (Figure A.3)."),
    ] = ()
    unlabelled_fractions: Annotated[
        tuple[Share, ...], Field(max_length=20, description="Of the unlabelled corpus (Figure A.4).")
    ] = ()
    labelled_fractions: Annotated[
        tuple[Share, ...],
        Field(max_length=20, description="Of the training patients, for supervised and self-training."),
    ] = ()
    targets: Annotated[
        tuple[Targets, ...],
        Field(max_length=5, description="Target modes of CLIP and NegCLIP."),
    ] = ()
    random_encoder: Annotated[
        bool, Field(description="A linear probe on a random, frozen encoder: what any model must beat.")
    ] = True


class Plan(_Part):
    """What a study trains: each paradigm on the over-read, supervised on each label source, and the ablations."""

    title: Annotated[str, StringConstraints(strip_whitespace=True, pattern="^[^\\x00-\\x1f\\x7f]{1,200}$")] = "Study"
    preset: Annotated[str, StringConstraints(pattern="^[a-z0-9_]{1,40}$")] = "paper"
    paradigms: Annotated[tuple[ParadigmName, ...], Field(min_length=1, max_length=10)] = ("supervised",)
    label_sources: Annotated[tuple[Source, ...], Field(max_length=2)] = ("overread", "machine")
    seeds: Annotated[
        tuple[Annotated[int, Field(ge=0, lt=2**31)], ...],
        Field(min_length=1, max_length=20, description="A run each; figures are the mean over them."),
    ] = (0,)
    hedged: Hedged = HEDGED
    overrides: Annotated[
        dict[str, Any],
        Field(max_length=50, description="Of the preset, for every run; a paradigm's sections for that paradigm's."),
    ] = {}
    paradigm_overrides: Annotated[
        dict[ParadigmName, dict[str, Any]], Field(max_length=10, description="More of them, for a paradigm's runs.")
    ] = {}
    ablations: Ablations = Ablations()
    grid: Grid = {}
    draws: Annotated[int, Field(ge=100, le=10_000, description="Of the bootstrap.")] = 1000

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for name in ("paradigms", "label_sources", "seeds"):
            values = getattr(self, name)
            if len(set(values)) < len(values):
                raise ValueError(f"{name}: a value appears twice")
        check_grid(self.grid, len(self.seeds))
        taken = {"paradigm", "preset", "dataset", "unlabelled", "label_source", "seed", "hedged", "device", "threads"}
        for overrides in (self.overrides, *self.paradigm_overrides.values(), self.grid):
            set_here = taken - {"preset", "label_source"} if overrides is self.grid else taken
            try:
                text = json.dumps(overrides, ensure_ascii=False, allow_nan=False)
                text.encode()
            except (TypeError, ValueError, RecursionError) as error:
                raise ValueError("overrides: they must be JSON values") from error
            if "\\u0000" in text:
                raise ValueError("overrides: remove the NUL character")
            if overlap := sorted(set_here & set(overrides)):
                what = "grid" if overrides is self.grid else "overrides"
                raise ValueError(f"{what}: the study itself sets {', '.join(overlap)}; remove it")
        return self


class Config(Plan):
    """A study's `config.json`: a plan and its data."""

    dataset: Path
    unlabelled: Path | None = None
    device: str | None = None
    threads: Annotated[int, Field(ge=1)] | None = None
