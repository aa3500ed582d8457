"""The sections of the configuration that CLIP and NegCLIP share."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from ml.paradigms.choices import PromptsFrom, Targets, Unit
from ml.paradigms.definition import Section

_Phrase = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class ContrastiveOptions(Section):
    """CLIP and NegCLIP (paper, Equations 3 and 4)."""

    targets: Targets = "diagonal"
    bank: Annotated[
        int,
        Field(ge=1, le=4096, description="With the targets `bank`: how many frequent statements are in each batch."),
    ] = 256
    unit: Annotated[Unit, Field(description="What a text is (paper, Figure 3).")] = "statement"
    prompts_from: Annotated[
        PromptsFrom, Field(description="What scores a label: statements of the training split, or the release's.")
    ] = "corpus"
    prompts: Annotated[
        dict[str, Annotated[list[_Phrase], Field(min_length=1, max_length=50)]],
        Field(max_length=63, description="Phrases that score a label, instead of those of `prompts_from`."),
    ] = Field(default_factory=dict)


class TextOptions(Section):
    """The text encoder and its tokenizer. The defaults are CLIP's, except the size of the tokenizer."""

    layers: Annotated[int, Field(ge=1, le=48)] = 12
    width: Annotated[int, Field(ge=8, le=2048)] = 512
    heads: Annotated[int, Field(ge=1, le=64)] = 8
    context: Annotated[int, Field(ge=8, le=512, description="Most tokens of a text.")] = 77
    tokens: Annotated[int, Field(ge=300, le=50_000, description="Size of the tokenizer that is trained.")] = 8192
    dimension: Annotated[int, Field(ge=8, le=2048, description="Dimension of the common embedding space.")] = 512

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        return self


SECTIONS: dict[str, type[Section]] = {"contrastive": ContrastiveOptions, "text": TextOptions}
