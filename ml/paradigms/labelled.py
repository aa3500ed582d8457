"""What paradigms that learn labels are built from: a network with one output a label, and the rows that have labels."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml.bundles.network import freeze_encoder
from ml.networks.ecg import EcgNetwork
from ml.paradigms.definition import BuildInputs
from ml.paradigms.paradigm import Labels


class Labelled(NamedTuple):
    """The network, the labels of all rows of the store, and the training rows that have a label."""

    model: EcgNetwork
    labels: Labels
    rows: NDArray[np.int64]


def labelled(inputs: BuildInputs) -> Labelled:
    """Return the network, with the weights of the bundle that the run starts from, and what it can learn from."""
    start, keys = inputs.start, [key for key, _ in inputs.store.labels]
    model = EcgNetwork(inputs.encoder, len(keys))
    if start is not None:
        start.copy_to(model, keys, only_encoder=inputs.freeze_encoder)
    if inputs.freeze_encoder:
        freeze_encoder(model, keep_statistics=start is not None)
    labels = Labels(*inputs.store.targets(inputs.label_source, inputs.hedged))
    rows = inputs.rows[labels.counts[inputs.rows].any(axis=1)]
    if not len(rows):
        raise ValueError(f"no window of the train split has a {inputs.label_source} report")
    return Labelled(model, labels, rows)
