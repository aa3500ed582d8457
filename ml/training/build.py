"""A run's paradigm, from its configuration and its dataset."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.bundles.start import Start
from ml.corpus.store import Store
from ml.networks.ecg import encoder_named
from ml.paradigms.definition import BuildInputs, Built
from ml.training.configuration import Config


def build(config: Config, store: Store, rows: NDArray[np.int64], folder: Path, *, allow_own: bool = False) -> Built:
    """Build the paradigm that a configuration names. Its first weights follow from torch's seed."""
    start = Start(config.start_from, allow_own) if config.start_from is not None else None
    inputs = BuildInputs(
        store=store,
        rows=rows,
        label_source=config.label_source,
        hedged=config.hedged,
        encoder=start.encoder if start is not None else encoder_named(config.encoder, allow_own),
        freeze_encoder=config.freeze_encoder,
        start=start,
        folder=folder,
        parts=config.accumulate,
        text_folder=config.text_folder,
        sections=config.sections(allow_own),
    )
    return config.definition(allow_own).build(inputs)
