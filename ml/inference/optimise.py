"""A bundle's ECG network in 8-bit integers: its ranges, and its operating points, chosen again on its own logits.

It replaces the network in float32 on processors only where that changes the macro AUROC by at most `MOST_CHANGE`.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ml.bundles.bundle import BundleLabel, Integers, Manifest, amend, read_manifest
from ml.bundles.card import rewritten
from ml.bundles.network import encoder_of, of_bundle
from ml.corpus.store import Store
from ml.evaluation.calibration import operating_point
from ml.evaluation.metrics import auroc_auprc
from ml.inference.predictor import Predictor
from ml.networks.beatnet import BeatNet
from ml.networks.ecg import can_be_a_graph

MOST_CHANGE = 0.001
OBSERVED, CHOSEN_ON = 256, 4_000
"""Windows: of the train split for the ranges, and at most of the validation split for the operating points."""


def optimise(folder: Path, store: Store, *, force: bool = False) -> Integers | None:
    """Add the network in integers to a bundle, with the dataset it was trained on. The folder is replaced.

    Returns what was measured, or what the bundle has already; nothing was added where `auroc` is further than
    `MOST_CHANGE` from `float_auroc`, unless it is forced. None for a network that is no ResNet of ours, or where the
    validation split shows nothing.
    """
    manifest = read_manifest(folder)
    if manifest.own_encoder is not None or manifest.integers is not None:
        return manifest.integers
    found = _measured(folder, manifest, store)
    if found is not None and (force or takes(found)):
        amend(folder, {"integers": found.model_dump()}, lambda complete: rewritten(folder, complete))
    return found


def takes(integers: Integers) -> bool:
    """Return whether a network in integers is as good as the one in float32."""
    if integers.auroc is None or integers.float_auroc is None:
        return False
    return abs(integers.auroc - integers.float_auroc) <= MOST_CHANGE


def _measured(folder: Path, manifest: Manifest, store: Store) -> Integers | None:
    model = of_bundle(folder, manifest).eval()
    network = None if isinstance(model, BeatNet) else encoder_of(model)
    train, rows = _some(store.rows("train"), OBSERVED), _some(store.rows("validation"), CHOSEN_ON)
    if network is None or not can_be_a_graph(network) or not len(train) or not len(rows):
        return None
    from ml.networks.onnx_graph import observe

    with torch.inference_mode():
        ranges = observe(network, (np.asarray(store.windows[row], np.float32) for row in train))
    given = manifest.training
    positive, known = store.targets(given["label_source"], given["hedged"])
    stated, known = positive[rows] > 0, known[rows]
    both = [len(np.unique(stated[use, k])) == 2 for k, use in enumerate(known.T)]
    if not any(both):
        return None
    in_floats = Predictor(folder, "cpu").window_logits(store.windows, rows)
    in_integers = Predictor(folder, "cpu", ranges=ranges).window_logits(store.windows, rows)
    rules = given["threshold_rule"], given["calibration"]
    labels = [
        BundleLabel.model_validate(
            {
                "key": label.key,
                "name": label.name,
                **vars(operating_point(in_integers[use, k], stated[use, k], *rules, sensitivity=given["sensitivity"])),
            }
        )
        for k, (label, use) in enumerate(zip(manifest.labels, known.T, strict=True))
    ]
    aurocs = [float(auroc_auprc(logits, stated, known)[0][both].mean()) for logits in (in_integers, in_floats)]
    return Integers(ranges=ranges, labels=tuple(labels), windows=len(rows), auroc=aurocs[0], float_auroc=aurocs[1])


def _some(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return at most so many of the rows, evenly spread."""
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
