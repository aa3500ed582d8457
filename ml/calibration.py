"""Platt scaling: a logistic regression of the label on the logit (Platt 1999)."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

MIN_OF_A_CLASS = 5


def platt(logits: NDArray[np.float64], positive: NDArray[np.bool_]) -> tuple[float, float]:
    """Give slope and bias of probability = σ(slope · logit + bias).

    Targets are smoothed as Platt does, which keeps separable labels finite. With fewer than five of a class there is
    nothing to fit: the identity. A slope is never negative: calibration must not turn the ranking around.
    """
    positives = int(positive.sum())
    negatives = len(positive) - positives
    if min(positives, negatives) < MIN_OF_A_CLASS:
        return 1.0, 0.0
    target = np.where(positive, (positives + 1) / (positives + 2), 1 / (negatives + 2))

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        z = parameters[0] * logits + parameters[1]
        error = expit(z) - target
        value = np.mean(np.logaddexp(0, z) - target * z)
        return float(value), np.array([np.mean(error * logits), np.mean(error)])

    fitted = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=[(0.0, None), (None, None)])
    return float(fitted.x[0]), float(fitted.x[1])
