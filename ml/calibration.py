"""What is chosen on the validation split, label by label: the threshold on the score, and the calibration."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

MIN_OF_A_CLASS = 5
DEFAULT_THRESHOLD = 0.5

ThresholdRule = Literal["max_f1", "default"]
CalibrationRule = Literal["platt", "identity"]


@dataclass(frozen=True)
class OperatingPoint:
    """Where a label's score turns positive, and how its logit becomes a probability: σ(slope · logit + bias)."""

    threshold: float
    threshold_rule: ThresholdRule
    slope: float
    bias: float
    calibration_rule: CalibrationRule


def operating_point(logits: NDArray[np.float64], positive: NDArray[np.bool_]) -> OperatingPoint:
    """Choose a label's operating point on validation windows, (n,) each.

    The threshold has the highest F1; with one class only every threshold is a guess and the default stays. With fewer
    than five of a class there is too little to fit a calibration, and the probability is the score itself.
    """
    positives, negatives = int(positive.sum()), int((~positive).sum())
    threshold, threshold_rule = DEFAULT_THRESHOLD, "default"
    if min(positives, negatives) > 0:
        threshold, threshold_rule = best_f1_threshold(expit(logits), positive), "max_f1"
    slope, bias, calibration_rule = 1.0, 0.0, "identity"
    if min(positives, negatives) >= MIN_OF_A_CLASS:
        (slope, bias), calibration_rule = platt(logits, positive), "platt"
    return OperatingPoint(threshold, threshold_rule, slope, bias, calibration_rule)  # type: ignore[arg-type]


def best_f1_threshold(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Give the threshold of the highest F1, with a positive or more: halfway to the next lower score.

    Of several equally good ones the highest: the fewest positives.
    """
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    true = np.cumsum(positive[order])[ends]
    f1 = 2 * true / (ends + 1 + positive.sum())
    best = int(np.argmax(f1))
    lower = ranked[ends[best] + 1] if best + 1 < len(ends) else 0.0
    halfway = (ranked[ends[best]] + lower) / 2
    # two neighbours in floating point have nothing between them
    return float(halfway if halfway > lower else ranked[ends[best]])


def platt(logits: NDArray[np.float64], positive: NDArray[np.bool_]) -> tuple[float, float]:
    """Give slope and bias of a logistic regression of the label on the logit (Platt 1999).

    Targets are smoothed as Platt does, which keeps separable labels finite. The slope is never negative: calibration
    must not turn the ranking around.
    """
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
