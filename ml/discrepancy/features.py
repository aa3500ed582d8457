"""The features of a pair: one table of names, from which rows are made for learning and for a single ECG alike."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ml.discrepancy.ours import OURS
from ml.discrepancy.pairs import NAMED, Pairs, distinct
from ml.discrepancy.trees import Floats
from ml.formats.ecg_file import MEASURED

MOST_NAMES, LEAST_SHARE = 12, 0.01
"""Of sites, devices and their software those that are frequent have a feature of their own."""


@dataclass(frozen=True)
class Features:
    """Which features there are.

    Attributes
    ----------
    labels
        Of the vocabulary, in the order of its masks.
    model_labels
        Of the model whose logits are read; empty where none is.
    named
        By `NAMED`: the values that have a feature of their own.
    """

    labels: tuple[str, ...]
    model_labels: tuple[str, ...]
    named: dict[str, tuple[str, ...]]

    @classmethod
    def of(cls, pairs: Pairs, labels: Sequence[str], model_labels: Sequence[str]) -> "Features":
        """Choose features for some pairs."""
        named = {name: distinct(pairs.named[name].tolist(), MOST_NAMES, LEAST_SHARE) for name in NAMED}
        return cls(tuple(labels), tuple(model_labels), named)

    @classmethod
    def parse(cls, labels: Sequence[str], names: Sequence[str]) -> "Features":
        """Return the features that `names` were made of, for these labels. Raises `ValueError` where they are not."""
        model_labels = [name.removeprefix("logit:") for name in names if name.startswith("logit:")]
        named = {
            each: tuple(name.removeprefix(f"{each}=") for name in names if name.startswith(f"{each}="))
            for each in NAMED
        }
        parsed = cls(tuple(labels), tuple(model_labels), named)
        if parsed.names != tuple(names):
            raise ValueError("the features are others than this release makes")
        return parsed

    @property
    def names(self) -> tuple[str, ...]:
        """Their names, column by column. `logit:`, `machine:`, `device:` and `ours:` say whose a feature is."""
        return (
            *(f"logit:{label}" for label in self.model_labels),
            *(f"machine:{label}" for label in self.labels),
            "machine:statements",
            *(f"device:{name}" for name in MEASURED),
            *(f"ours:{name}" for name in OURS),
            "age",
            "male",
            *(f"{name}={value}" for name in NAMED for value in self.named[name]),
        )

    def rows(self, pairs: Pairs) -> Floats:
        """Return the rows of pairs, (n, len(names)), NaN where a value is not known."""
        said = pairs.status.astype(np.float64)
        named = [pairs.named[name] == value for name in NAMED for value in self.named[name]]
        return np.concatenate(
            [
                pairs.logits.astype(np.float64),
                said,
                (said > 0).sum(axis=1, keepdims=True),
                pairs.device.astype(np.float64),
                pairs.ours.astype(np.float64),
                np.stack([pairs.age, pairs.male, *(each.astype(np.float64) for each in named)], axis=1),
            ],
            axis=1,
        )

    def columns(self, *beginnings: str) -> np.ndarray:
        """Return the places of the features whose names begin so."""
        return np.array([place for place, name in enumerate(self.names) if name.startswith(beginnings)], np.int64)
