"""The windows of each step of a run. They depend on configuration, dataset and step only."""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ml.corpus.choice import unlabelled_rows
from ml.corpus.store import Store
from ml.paradigms.self_training import SelfTrainingOptions
from ml.processes import distributed
from ml.training.configuration import Config
from ml.training.feed import Windows


class Part(NamedTuple):
    """The rows of one forward pass, labelled and unlabelled, and the seed of its random numbers."""

    rows: NDArray[np.int64]
    unlabelled: NDArray[np.int64] | None
    seed: int


Parts = list[Part]
"""The parts of one optimiser step."""


class Unlabelled:
    """The unlabelled dataset of self-training."""

    def __init__(self, config: Config, labelled: Store, device: torch.device) -> None:
        assert config.unlabelled is not None
        options = config.section(SelfTrainingOptions)
        store = Store(config.unlabelled)
        if store.preprocessing != labelled.preprocessing:
            raise ValueError("unlabelled: the dataset was preprocessed with other settings than the labelled one")
        self.content_sha256 = store.content_sha256
        self.batch_size = options.batch_size or config.batch_size
        self.rows = unlabelled_rows(store, labelled, options.fraction, config.seed)
        if not len(self.rows):
            raise ValueError("no window of the unlabelled dataset is left: its patients are all kept for measuring")
        self.patients = set(store.column("patient")[self.rows].tolist())
        self.windows = Windows(store.windows, device, config.corpus_on_gpu)

    def at(self, step: int, seed: int) -> NDArray[np.int64]:
        """Return the rows of a step. The dataset is used again and again, in a new order each time."""
        places = np.arange(step * self.batch_size, (step + 1) * self.batch_size)
        rounds, place = np.divmod(places, len(self.rows))
        rows = np.empty(len(places), np.int64)
        for number in np.unique(rounds).tolist():
            here = rounds == number
            rows[here] = self.rows[_permutation(len(self.rows), seed, number + 1_000_000)[place[here]]]
        return rows


class Schedule:
    """The steps of each epoch, with the rows of this process.

    `whole`: a step has one part, since the paradigm divides it itself.
    """

    def __init__(
        self, config: Config, rows: NDArray[np.int64], unlabelled: Unlabelled | None, *, whole: bool = False
    ) -> None:
        self._config, self._rows, self._unlabelled = config, rows, unlabelled
        self._most_parts = 1 if whole else config.accumulate

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Parts]:
        """Return an epoch's steps, from the `first` one on."""
        config, size = self._config, self._config.batch_size
        order = self._rows[_permutation(len(self._rows), config.seed, epoch)]
        steps = -(-len(order) // size)
        for step in range(first, steps):
            rows = _share(order[step * size : (step + 1) * size])
            unlabelled = None
            if self._unlabelled is not None:
                unlabelled = _share(self._unlabelled.at(epoch * steps + step, config.seed))
            yield self._parts(rows, unlabelled, epoch * steps + step)

    def _parts(self, rows: NDArray[np.int64], unlabelled: NDArray[np.int64] | None, step: int) -> Parts:
        count = min(self._most_parts, len(rows))
        beside = [None] * count if unlabelled is None else np.array_split(unlabelled, count)
        return [
            Part(part, more, _seed(self._config.seed, step, place, distributed.rank()))
            for place, (part, more) in enumerate(zip(np.array_split(rows, count), beside, strict=True))
        ]


@lru_cache(maxsize=3)  # an epoch's, and those of the rounds that a step is in
def _permutation(count: int, seed: int, number: int) -> NDArray[np.int64]:
    generator = torch.Generator().manual_seed(seed * 1_000_003 + number)
    order: NDArray[np.int64] = torch.randperm(count, generator=generator).numpy()
    order.flags.writeable = False
    return order


def _share(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return this process's rows of a step. All processes get equally many: the first rows are repeated if needed."""
    whole = np.resize(rows, -(-len(rows) // distributed.count()) * distributed.count())
    return whole[distributed.rank() :: distributed.count()]


def _seed(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))
