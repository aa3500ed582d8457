"""What defines a paradigm. The configuration, the API, training, studies and model cards read it. Needs no torch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ml.bundles.bundle import TextPart
from ml.corpus.sources import Hedged, Source

if TYPE_CHECKING:
    from ml.bundles.start import Start
    from ml.corpus.store import Store
    from ml.networks.ecg import Encoder
    from ml.paradigms.paradigm import Paradigm

OWN_SECTION = "own"  # the section of a paradigm that is not in the registry


class Section(BaseModel):
    """A section of the configuration: settings that only some paradigms have. Unknown settings are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


AnySection = TypeVar("AnySection", bound=Section)


@dataclass(frozen=True, kw_only=True)
class BuildInputs:
    """What a paradigm is built from.

    Attributes
    ----------
    store, rows
        The dataset, and the rows of its training split.
    encoder
        The ECG encoder that the configuration names, or that of `start`.
    start
        The bundle, or public encoder, that the run starts from.
    folder
        The run folder.
    sections
        The sections that the configuration gives, by name.
    parts
        In how many parts a contrastive paradigm encodes a batch (`accumulate`). Others are given one part at a time.
    """

    store: "Store"
    rows: NDArray[np.int64]
    label_source: Source
    hedged: Hedged
    encoder: "Encoder"
    freeze_encoder: bool
    start: "Start | None"
    folder: Path
    text_folder: Path | None
    sections: Mapping[str, Section]
    parts: int = 1

    def section(self, kind: type[AnySection]) -> AnySection:
        """Return the configuration's section of this kind, or its defaults."""
        return next((each for each in self.sections.values() if isinstance(each, kind)), None) or kind()


class Built(NamedTuple):
    """A paradigm, the training rows that it can learn from, and what the bundle keeps of its text encoder."""

    paradigm: "Paradigm"
    rows: NDArray[np.int64]
    text: TextPart | None = None


@dataclass(frozen=True, kw_only=True)
class Definition:
    """A paradigm.

    Attributes
    ----------
    name
        Its name in configurations, in the API and in file names.
    title
        Its name in tables and figures.
    build
        Makes the paradigm. It imports torch when it is called; the module of the definition does not.
    sections
        Its sections of the configuration, by name. A paradigm outside the registry calls its own one `own`.
    contrastive
        Whether it learns from statements: it has a text encoder, and scores a label by the label's prompts.
    unlabelled
        Whether it also learns from a dataset without labels.
    linear_head
        Whether its head is one linear layer, so that `freeze_encoder` makes a linear probe.
    label_sources
        Whose reports it can learn from, and in `why_these_sources` the reason where it cannot learn from all.
    """

    name: str
    title: str
    build: Callable[[BuildInputs], Built]
    sections: Mapping[str, type[Section]] = field(default_factory=dict)
    contrastive: bool = False
    unlabelled: bool = False
    linear_head: bool = False
    label_sources: tuple[Source, ...] = ("overread", "machine")
    why_these_sources: str = ""
