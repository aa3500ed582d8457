"""A discrepancy model asked about ECGs: the probability that an expert changes each of the machine's statements."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ml.discrepancy import folder as folders
from ml.discrepancy import trees
from ml.discrepancy.calibrate import change_logits, probability
from ml.discrepancy.cross_fit import any_logit
from ml.discrepancy.features import Features
from ml.discrepancy.pairs import of_rows
from ml.discrepancy.trees import Floats


class Changes(NamedTuple):
    """The probability that an expert changes each label, (n, labels), and any label, (n,)."""

    labels: Floats
    any: Floats


class Scorer:
    """A discrepancy model in memory. Raises `InvalidFolder` where its files are not whole, or of another release."""

    def __init__(self, folder: Path) -> None:
        self.manifest = manifest = folders.read_manifest(folder)
        try:
            content = folders.read_bounded(folder / folders.TREES, folders.MAX_TREES_BYTES)
            if hashlib.sha256(content).hexdigest() != manifest.files.get(folders.TREES):
                raise folders.InvalidFolder(f"{folders.TREES} was changed: its SHA-256 is not the one in the manifest")
            self._features = Features.parse(manifest.keys, manifest.features)
            self._trees = trees.from_bytes(content, len(manifest.features))
        except (OSError, ValueError) as error:
            raise folders.InvalidFolder(str(error)) from error
        if self._trees.keys() != set(manifest.keys):
            raise folders.InvalidFolder(f"{folders.TREES} has not the labels of its manifest")

    def changes(self, rows: Sequence[Mapping[str, Any]]) -> Changes:
        """Return what is probably changed of some ECGs, given as `ml.discrepancy.pairs.PairsFile.append` takes them."""
        features = self._features
        pairs = of_rows(rows, len(features.labels), len(features.model_labels))
        values = features.rows(pairs)
        change = np.empty((len(pairs), len(features.labels)))
        for k, label in enumerate(self.manifest.labels):
            machine = pairs.machine[:, k]
            of_trees = self._trees[label.key].logits(values) * np.where(machine, -1.0, 1.0)
            p = np.full(len(pairs), np.nan)
            if label.key in features.model_labels:
                p = pairs.probabilities[:, features.model_labels.index(label.key)].astype(np.float64)
            of_model = change_logits(p, machine)
            for calibration, here in ((label.added, ~machine), (label.removed, machine)):
                change[here, k] = probability(calibration, of_trees[here], of_model[here])
        nothing = np.full(len(pairs), np.nan)
        return Changes(change, probability(self.manifest.any_change, any_logit(change), nothing))
