"""Archives whose truth is known: what is true, what a model makes of it, and what readers signed."""

import itertools

import numpy as np
from scipy.special import expit, logit

from ml.audit.readings import Bools, Readings, Reals

PREVALENCE = np.array([0.5, 0.1, 0.02])


def world(rng: np.random.Generator, n: int, *, sharpness: float = 4.0) -> tuple[Bools, Reals]:
    """Return truth, and what a calibrated model makes of it; (n, labels)."""
    probability = expit(rng.normal(size=(n, len(PREVALENCE))) * sharpness + logit(PREVALENCE) * 1.5)
    return rng.random(probability.shape) < probability, probability


def world_with_hard_ecgs(rng: np.random.Generator, n: int) -> tuple[Bools, Reals, Bools]:
    """Return truth, a model's probabilities, and which ECGs are hard, (n,): the model is unsure of them, and too sure."""
    hard = rng.random(n) < 0.2
    clear = rng.normal(size=(n, len(PREVALENCE))) * np.where(hard, 3.0, 8.0)[:, None] + logit(PREVALENCE)
    truth = rng.random(clear.shape) < expit(clear)
    return truth, expit(clear + 0.7 * rng.normal(size=clear.shape) * hard[:, None]), hard


def flipped(rng: np.random.Generator, truth: Bools, share: Reals | float) -> Bools:
    """Return which labels are signed wrongly."""
    return np.asarray(rng.random(truth.shape) < share)


def split(readings: Readings, places: list[int]) -> list[Readings]:
    """Return the same readings in blocks that begin at some places."""
    edges = [0, *sorted(places), len(readings.asserted)]
    return [
        Readings(**{name: values[start:end] for name, values in vars(readings).items()})
        for start, end in itertools.pairwise(edges)
    ]
