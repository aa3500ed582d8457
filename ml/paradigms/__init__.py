"""Learning paradigms: each a loss and a score, in one file; the training loop knows nothing else of them."""

from ml.paradigms.paradigm import Batch, Labels, Outcome, Paradigm

__all__ = ["Batch", "Labels", "Outcome", "Paradigm"]
