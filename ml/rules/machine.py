"""A machine that errs by rule: for a world whose truth is known, with stated rates of missed and false labels.

Real programs err where a finding is weak and where something looks like it. So the true ECGs with the lowest scores are
missed, and of the others those with the highest are falsely said: two thresholds a label, which are quantiles. A stated
share of both errors is by chance.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ErrorRates:
    """How a machine errs at a label.

    Attributes
    ----------
    missed
        Share of the ECGs with the label that it does not say.
    false
        Share of the ECGs without the label that it says.
    """

    missed: float
    false: float

    def __post_init__(self) -> None:
        if not (0 <= self.missed <= 1 and 0 <= self.false <= 1):
            raise ValueError("shares of errors lie between 0 and 1")

    @classmethod
    def of_counts(cls, machine: int, overread: int, differ: int, studies: int) -> "ErrorRates":
        """Return the rates that a row of the paper's Table A.1 implies: positives of both, and where they differ."""
        both = (machine + overread - differ) / 2
        return cls((overread - both) / overread, (machine - both) / (studies - overread))


@dataclass(frozen=True)
class ErringLabel:
    """The thresholds of a label, and the shares of further errors by chance.

    Attributes
    ----------
    found_from
        A true label is missed below this score.
    said_from
        A label that is not true is said from this score on.
    missed_by_chance, said_by_chance
        Shares of the others, drawn at random.
    """

    found_from: float
    said_from: float
    missed_by_chance: float
    said_by_chance: float

    def said(
        self, scores: NDArray[np.float64], is_true: NDArray[np.bool_], rng: np.random.Generator
    ) -> NDArray[np.bool_]:
        """Return what the machine says of ECGs, (n,), by their scores and truth, (n,) each."""
        by_rule = _known(scores) >= np.where(is_true, self.found_from, self.said_from)
        chance = rng.random(len(scores))
        by_chance = np.where(is_true, chance < self.missed_by_chance, chance < self.said_by_chance)
        errs = (by_rule != is_true) | by_chance
        return np.asarray(is_true != errs)


def fit_errors(
    scores: NDArray[np.float64], is_true: NDArray[np.bool_], rates: ErrorRates, *, chance: float = 0.0
) -> ErringLabel:
    """Return the thresholds with which the errors come out as in `rates` on these ECGs, (n,) each.

    `chance` is the share of the errors that no rule explains. An ECG without a score (NaN) scores lowest. Raises
    `ValueError` where there are no ECGs with the label, or none without.
    """
    if not 0 <= chance <= 1:
        raise ValueError("the share of chance lies between 0 and 1")
    true, others = np.sort(_known(scores[is_true])), np.sort(_known(scores[~is_true]))
    if not len(true) or not len(others):
        raise ValueError("a label is fitted on ECGs with it and without it")
    found_from = _threshold(true, round((1 - chance) * rates.missed * len(true)))
    # from above: equal scores at the border are not said
    said_from = float(np.nextafter(-_threshold(-others[::-1], round((1 - chance) * rates.false * len(others))), np.inf))
    return ErringLabel(
        found_from=found_from,
        said_from=said_from,
        missed_by_chance=_more(rates.missed, float((true < found_from).mean())),
        said_by_chance=_more(rates.false, float((others >= said_from).mean())),
    )


def _known(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isnan(scores), -np.inf, scores)


def _threshold(ascending: NDArray[np.float64], below: int) -> float:
    """Return a threshold with this many of some sorted scores below it, or, among equal scores, fewer."""
    if below == 0:
        return -np.inf
    return np.inf if below == len(ascending) else float(ascending[below])


def _more(rate: float, made: float) -> float:
    """Return the share of errors by chance among the others that makes up a rate, when `made` of all are errors."""
    return max(0.0, (rate - made) / (1 - made)) if made < 1 else 0.0
