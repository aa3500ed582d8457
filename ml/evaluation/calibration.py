"""What is chosen on the validation split, label by label: thresholds on the score, and the calibration."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression, minimize
from scipy.special import expit

from ml.evaluation.metrics import check_finite

MIN_OF_A_CLASS = 5
DEFAULT_THRESHOLD = 0.5
DEFAULT_SENSITIVITY = 0.9

ChosenBy = Literal["max_f1", "youden", "sensitivity"]
ThresholdRule = Literal["max_f1", "youden", "sensitivity", "default"]
Calibrate = Literal["platt", "isotonic"]
CalibrationRule = Literal["platt", "isotonic", "identity"]
Knots = tuple[tuple[float, float], ...]


class Calibrated(Protocol):
    """A label with a threshold on its score and a calibration: an `OperatingPoint`, or a bundle's label."""

    @property
    def threshold(self) -> float:
        """The threshold in use, on the score σ(logit)."""
        ...

    def probability(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Calibrate logits of any shape."""
        ...


@dataclass(frozen=True)
class OperatingPoint:
    """A label's threshold, and the calibration of its logit to a probability.

    Attributes
    ----------
    threshold, threshold_rule
        On the score σ(logit): the one in use.
    thresholds
        What each rule chose; empty where validation had one class only.
    slope, bias
        The probability is σ(slope · logit + bias), unless there are knots.
    knots
        An isotonic calibration as pairs of logit and probability, rising; linear between them and constant outside.
    """

    threshold: float
    threshold_rule: ThresholdRule
    thresholds: dict[ChosenBy, float]
    slope: float
    bias: float
    knots: Knots
    calibration_rule: CalibrationRule

    def probability(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Calibrate logits of any shape."""
        return probability(logits, self.slope, self.bias, self.knots)


def probability(
    logits: NDArray[np.float64], slope: float, bias: float, knots: Sequence[tuple[float, float]]
) -> NDArray[np.float64]:
    """Calibrate logits of any shape, as `OperatingPoint` says."""
    if knots:
        x, y = np.array(knots).T
        stepped: NDArray[np.float64] = np.interp(logits, x, y)
        return stepped
    calibrated: NDArray[np.float64] = expit(slope * logits + bias)
    return calibrated


def operating_point(
    logits: NDArray[np.float64],
    positive: NDArray[np.bool_],
    threshold_rule: ChosenBy = "max_f1",
    calibrate: Calibrate = "platt",
    *,
    sensitivity: float = DEFAULT_SENSITIVITY,
) -> OperatingPoint:
    """Choose a label's operating point on validation windows, (n,) each.

    With one class only every threshold is a guess and the default stays. With fewer than five of a class there is too
    little to fit a calibration, and the probability is the score itself.
    """
    check_finite(logits, "logits")
    positives, negatives = int(positive.sum()), int((~positive).sum())
    threshold, rule, chosen = DEFAULT_THRESHOLD, "default", {}
    if min(positives, negatives) > 0:
        chosen = thresholds(expit(logits), positive, sensitivity)
        threshold, rule = chosen[threshold_rule], threshold_rule
    slope, bias, calibration_rule = 1.0, 0.0, "identity"
    knots: Knots = ()
    if min(positives, negatives) >= MIN_OF_A_CLASS:
        calibration_rule = calibrate
        if calibrate == "platt":
            slope, bias = platt(logits, positive)
        else:
            knots = isotonic(logits, positive)
    return OperatingPoint(threshold, rule, chosen, slope, bias, knots, calibration_rule)  # type: ignore[arg-type]


def thresholds(
    scores: NDArray[np.float64], positive: NDArray[np.bool_], sensitivity: float = DEFAULT_SENSITIVITY
) -> dict[ChosenBy, float]:
    """Choose a threshold by each rule, for scores (n,) from 0 to 1 with both classes.

    The highest F1; the highest sensitivity + specificity - 1 (Youden 1950); the highest threshold that still finds
    the share `sensitivity` of the positives. Of several equally good ones each takes the highest: the fewest
    positives. A threshold lies halfway to the next lower score.
    """
    check_finite(scores, "scores")
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    true = np.cumsum(positive[order])[ends]
    called, positives = ends + 1, positive.sum()
    negatives = len(positive) - positives
    best = {
        "max_f1": int(np.argmax(2 * true / (called + positives))),
        "youden": int(np.argmax(true * negatives - (called - true) * positives)),  # whole numbers: ties are ties
        "sensitivity": int(np.argmax(true >= np.ceil(sensitivity * positives - 1e-9))),
    }
    return {rule: _below(ranked, ends, place) for rule, place in best.items()}  # type: ignore[misc]


def _below(ranked: NDArray[np.float64], ends: NDArray[np.int64], place: int) -> float:
    lower = ranked[ends[place] + 1] if place + 1 < len(ends) else 0.0
    halfway = (ranked[ends[place]] + lower) / 2
    # two neighbours in floating point have nothing between them
    return float(halfway if halfway > lower else ranked[ends[place]])


def platt(logits: NDArray[np.float64], positive: NDArray[np.bool_]) -> tuple[float, float]:
    """Return slope and bias of a logistic regression of the label on the logit (Platt 1999).

    Targets are smoothed as in Platt 1999, which keeps the fit finite for separable labels. The slope is never negative:
    calibration must not reverse the ranking.
    """
    check_finite(logits, "logits")
    positives = int(positive.sum())
    negatives = len(positive) - positives
    target = np.where(positive, (positives + 1) / (positives + 2), 1 / (negatives + 2))

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        z = parameters[0] * logits + parameters[1]
        error = expit(z) - target
        value = np.mean(np.logaddexp(0, z) - target * z)
        return float(value), np.array([np.mean(error * logits), np.mean(error)])

    fitted = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=[(0.0, None), (None, None)])
    return float(fitted.x[0]), float(fitted.x[1])


def isotonic(logits: NDArray[np.float64], positive: NDArray[np.bool_]) -> Knots:
    """Return the isotonic regression of the labels (Zadrozny and Elkan 2002), as the two ends of each step."""
    check_finite(logits, "logits")
    x, place, rows = np.unique(logits, return_inverse=True, return_counts=True)
    share = np.bincount(place, positive) / rows
    fitted = isotonic_regression(share, weights=rows).x
    changes = np.diff(fitted) != 0
    ends = np.append(True, changes) | np.append(changes, True)
    return tuple(zip(x[ends].tolist(), np.clip(fitted[ends], 0, 1).tolist(), strict=True))
