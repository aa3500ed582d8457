"""Means of an epoch's values, summed on the device and read only when they are needed."""

from collections.abc import Mapping

import torch
import torch.distributed as dist
from torch import Tensor

from ml.processes import distributed


class Sums:
    """Weighted sums of an epoch's values. Adding one does not wait for the device."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._weight = 0.0

    def add(self, values: Mapping[str, Tensor], weight: float) -> None:
        """Add values, each `weight` times."""
        for name, value in values.items():
            weighted = value.detach().double() * weight
            self._sums[name] = self._sums[name] + weighted if name in self._sums else weighted
        self._weight += weight

    def mean(self, name: str = "loss") -> float:
        """Return the mean of a value in this process."""
        return float(self._sums[name].mean()) / self._weight

    def means(self, labels: list[str]) -> dict[str, float | dict[str, float]]:
        """Return the mean of every value over all processes; values with a number for each label are by label."""
        said: dict[str, float | dict[str, float]] = {}
        for name, total in self._sums.items():
            whole = total.clone()
            if distributed.count() > 1:
                dist.all_reduce(whole)
            mean = whole / (self._weight * distributed.count())
            said[name] = dict(zip(labels, mean.tolist(), strict=True)) if mean.ndim else float(mean)
        return said

    def state(self) -> dict[str, Tensor | float]:
        """Return the state for a checkpoint."""
        return {**{name: value.cpu() for name, value in self._sums.items()}, "": self._weight}

    def load(self, state: Mapping[str, Tensor | float], device: torch.device) -> None:
        """Restore the state of a checkpoint."""
        self._weight = float(state[""])
        self._sums = {name: torch.as_tensor(value).to(device) for name, value in state.items() if name}
