"""How many steps a run has, and the learning rate at each of them."""

import math

from ml.training.configuration import Config


class Pace:
    """The steps of a run.

    Attributes
    ----------
    epoch
        Steps of an epoch.
    total
        Steps of the run, unless nothing gets better before.
    least
        Steps that are done however little gets better.
    warm_up
        Steps of the linear warm-up, at most half of the run.
    """

    def __init__(self, config: Config, rows: int) -> None:
        self.epoch = math.ceil(rows / config.batch_size)
        whole = max(config.epochs * self.epoch, config.min_steps)
        self.total = whole if config.max_steps is None else min(whole, config.max_steps)
        self.least = min(config.min_steps, self.total)
        self.warm_up = min(config.warmup_steps, self.total // 2)

    @property
    def epochs(self) -> int:
        """The number of epochs, with the last one where it is cut short."""
        return self.epochs_after(self.total)

    def epochs_after(self, step: int) -> int:
        """Return how many epochs the first `step` steps are of, with one that is not whole."""
        return math.ceil(step / self.epoch)

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0, relative to the configured one.

        It rises linearly to 1, and falls to 0 in half a cosine.
        """
        if step < self.warm_up:
            return (step + 1) / self.warm_up
        return (1 + math.cos(math.pi * (step - self.warm_up) / (self.total - self.warm_up))) / 2
