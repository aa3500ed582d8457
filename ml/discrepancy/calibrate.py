"""From the trees' logit, and the model's, to the probability of a change, in each direction.

The trees alone need many splits to follow what the model's logit says plainly. So a logistic regression adds the two
(stacking, Wolpert 1992), with weights that are not negative. It is fitted on logits of pairs that the trees had not
seen, and calibrates them at once.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit

from ml.discrepancy.folder import Calibration

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FEWEST_CHANGES = 50
"""With fewer changes in a direction nothing is learnt, and no number is given."""
_RIDGE = 1.0  # on the weights, beside the sum of the loss over the pairs


def is_learnt(changed: Bools) -> bool:
    """Return whether there is enough to learn from: `FEWEST_CHANGES` changes, and a tenth of that unchanged."""
    return int(changed.sum()) >= FEWEST_CHANGES and int((~changed).sum()) >= FEWEST_CHANGES / 10


def change_logits(probabilities: Floats, machine: Bools) -> Floats:
    """Return the log odds that the model's probability of a label gives to a change, NaN where there is none."""
    odds = logit(np.clip(probabilities, 1e-4, 1 - 1e-4))
    return np.where(machine, -odds, odds)


def fit(trees: Floats, of_model: Floats, changed: Bools) -> Calibration:
    """Fit on the log odds of a change by trees and by the model (NaN where there is none), (n,) each.

    Where nothing can be learnt it is the rate, smoothed as Jeffreys has it: (changes + 1/2) / (pairs + 1). Targets are
    smoothed as in Platt 1999.
    """
    changes, pairs = int(changed.sum()), len(changed)
    known = Calibration(
        learnt=is_learnt(changed), changes=changes, pairs=pairs, trees=0, of_model=0, without_model=0,
        bias=float(logit((changes + 0.5) / (pairs + 1))),
    )  # fmt: skip
    if not known.learnt:
        return known
    inputs = _inputs(trees, of_model)
    target = np.where(changed, (changes + 1) / (changes + 2), 1 / (pairs - changes + 2))
    usual = np.array([0.5, 0.5, 0.0])

    def loss(parameters: Floats) -> tuple[float, Floats]:
        z = inputs @ parameters[:3] + parameters[3]
        error = expit(z) - target
        away = parameters[:3] - usual
        value = np.sum(np.logaddexp(0, z) - target * z) + _RIDGE / 2 * away @ away
        return float(value), np.append(inputs.T @ error + _RIDGE * away, error.sum())

    bounds = [(0.0, None), (0.0, None), (None, None), (None, None)]
    weights, of, without, bias = minimize(loss, np.append(usual, 0.0), jac=True, method="L-BFGS-B", bounds=bounds).x
    fitted = {"trees": weights, "of_model": of, "without_model": without, "bias": bias}
    return known.model_copy(update={name: float(value) for name, value in fitted.items()})


def probability(calibration: Calibration, trees: Floats, of_model: Floats) -> Floats:
    """Return the probabilities of a change, (n,); see `fit`."""
    weights = np.array([calibration.trees, calibration.of_model, calibration.without_model])
    calibrated: Floats = expit(_inputs(trees, of_model) @ weights + calibration.bias)
    return calibrated


def _inputs(trees: Floats, of_model: Floats) -> Floats:
    missing = np.isnan(of_model)
    return np.stack([trees, np.where(missing, 0.0, of_model), missing.astype(np.float64)], axis=1)
