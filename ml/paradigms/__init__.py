"""Learning paradigms: each a loss and a score, in one file; the training loop knows nothing else of them."""

from collections.abc import Callable, Mapping

from ml.networks.resnet1d import Architecture
from ml.paradigms.paradigm import Batch, Labels, Paradigm
from ml.paradigms.supervised import Supervised

__all__ = ["PARADIGMS", "Batch", "Labels", "Paradigm"]

PARADIGMS: Mapping[str, Callable[[Architecture, Labels], Paradigm]] = {"supervised": Supervised}
"""By name, each made from the encoder's size and the training windows' labels."""
