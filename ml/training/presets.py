"""The presets of training runs, and what contrastive runs have instead. Needs no torch."""

from collections.abc import Mapping
from typing import Any

from ml.paradigms import registry
from ml.paradigms.definition import Definition

_SMALL_TEXT = {"layers": 4, "width": 128, "heads": 4, "tokens": 2048, "dimension": 128}
_TINY_TEXT = {"layers": 2, "width": 32, "heads": 2, "context": 32, "tokens": 320, "dimension": 32}

PRESETS: Mapping[str, Mapping[str, Any]] = {
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
    # the paper's settings with a network of another size
    "resnet50": {"encoder": "resnet50", "text": {}},
    "small": {"encoder": "small", "text": _SMALL_TEXT},
    "tiny": {"encoder": "tiny", "text": _TINY_TEXT},
}

# A fresh transformer at the encoder's rate unlearns; few steps teach a contrastive loss nothing. With few ECGs every
# statement against a bank teaches more than one of each ECG against a batch, and small batches do.
_START = {
    "warmup_steps": 50,
    "text_learning_rate": 5e-4,
    "min_steps": 400,
    "batch_size": 32,
    "contrastive": {"targets": "bank"},
}
_PAPER_BATCH = {"batch_size": 256}  # pairs (paper, section 4.2)

CONTRASTIVE: Mapping[str, Mapping[str, Any]] = {
    "paper": _PAPER_BATCH,
    "laptop": {**_START, "learning_rate": 1e-3},
    "test": {**_START, "learning_rate": 3e-3},
    "resnet50": _PAPER_BATCH,
    "small": _PAPER_BATCH,
    "tiny": {**_START, "learning_rate": 3e-3, "epochs": 20},
}
"""What contrastive runs have instead of, or besides, the preset's values."""


def values_of(preset: str, definition: Definition) -> dict[str, Any]:
    """Return what a preset says to a paradigm; nothing if there is no such preset."""
    foreign = registry.sections().keys() - definition.sections.keys()
    says = {name: value for name, value in PRESETS.get(preset, {}).items() if name not in foreign}
    return {**says, **CONTRASTIVE.get(preset, {})} if definition.contrastive else says


def on_preset(given: Mapping[str, Any], definition: Definition) -> dict[str, Any]:
    """Return settings with what their preset says to the paradigm, key by key in sections too.

    A preset's minimum of steps gives way to a length that is given.
    """
    merged = values_of(str(given.get("preset", "paper")), definition)
    if not given.keys().isdisjoint(("epochs", "max_steps")):
        merged.pop("min_steps", None)
    for name, value in given.items():
        base = merged.get(name)
        merged[name] = {**base, **value} if isinstance(base, dict) and isinstance(value, Mapping) else value
    return merged
