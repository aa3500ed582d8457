"""A moving average of the weights, which is measured and saved in place of the weights."""

import contextlib
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn


class Average:
    """The exponential moving average of the weights of a model.

    Early averages forget faster, so that the random weights of the start weigh nothing: the decay of step s is at most
    (1 + s) / (10 + s).
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._weights, self._decay = dict(model.named_parameters()), decay
        self._average = {name: weight.detach().clone() for name, weight in self._weights.items()}

    def add(self, step: int) -> None:
        """Take in the weights after a step, counted from 0."""
        decay = min(self._decay, (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self._average.values()), list(self._weights.values()), 1 - decay)

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the model have the average as its weights for a while."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        for name, weight in self._weights.items():
            weight.data, self._average[name] = self._average[name], weight.data

    def state(self) -> dict[str, Tensor]:
        """Return the average for a checkpoint."""
        return self._average

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Restore the average of a checkpoint."""
        for name, value in self._average.items():
            value.copy_(state[name])
