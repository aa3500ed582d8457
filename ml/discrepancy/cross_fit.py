"""Trees and calibrations by folds: a pair is never predicted by what has seen its patient."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ml.discrepancy.calibrate import fit, is_learnt, probability
from ml.discrepancy.folder import DIRECTIONS, Calibration
from ml.discrepancy.pairs import Pairs
from ml.discrepancy.split import FOLDS, Parts, folds
from ml.discrepancy.trees import Floats, Trees

Bools = NDArray[np.bool_]
Grow = Callable[[Floats, Bools, int], Trees]


class Grower:
    """Grows trees for each label: once for each fold without it, and once on all pairs that are fitted."""

    def __init__(self, grow: Grow, fitted: Pairs, parts: Parts, seed: int) -> None:
        self._grow, self._fitted, self._parts, self._seed = grow, fitted, parts, seed
        self._of_fold = folds(fitted.patient, seed)

    def all(self, rows: Floats, say: Callable[[int], None]) -> tuple[Floats, list[Trees]]:
        """Return logits of each label, (n, labels) for rows (n, features), and the trees on all fitted pairs.

        A fitted pair's logits are of trees that were grown without its fold. NaN in rows of neither part. Of a label
        of which nothing can be learnt there is only the rate: nobody reads its trees.
        """
        fitted, held_out = self._parts.fitted, self._parts.held_out
        logits = np.full((len(rows), self._fitted.status.shape[1]), np.nan)
        grown: list[Trees] = []
        for label in range(logits.shape[1]):
            say(label)
            positive = self._fitted.overread[:, label]
            if not self._can_learn(label):
                grown.append(_rate(positive))
                logits[fitted, label] = logits[held_out, label] = grown[-1].start
                continue
            whole = self._of(rows[fitted], positive)
            for fold in range(FOLDS):
                own = self._of_fold == fold
                if own.any():
                    without = self._of(rows[fitted[~own]], positive[~own])
                    # the rate without a fold is low where the fold's is high: that would rank folds upside down
                    logits[fitted[own], label] = without.logits(rows[fitted[own]]) - without.start + whole.start
            logits[held_out, label] = whole.logits(rows[held_out])
            grown.append(whole)
        return logits, grown

    def _can_learn(self, label: int) -> bool:
        machine, overread = self._fitted.machine[:, label], self._fitted.overread[:, label]
        return is_learnt(overread[~machine]) or is_learnt(~overread[machine])

    def _of(self, rows: Floats, positive: Bools) -> Trees:
        if positive.all() or not positive.any():
            return _rate(positive)
        return self._grow(rows, positive, self._seed)


def _rate(positive: Bools) -> Trees:
    rate = (positive.sum() + 0.5) / (len(positive) + 1)
    return Trees(float(np.log(rate / (1 - rate))), [])


def calibrated(
    trees: Floats, of_model: Floats, pairs: Pairs, parts: Parts, *, labels: tuple[str, ...]
) -> tuple[Floats, dict[str, Calibration]]:
    """Return the probability of a change, (n, labels), and the calibrations by `label/direction`.

    Both log odds are those of a change, (n, labels); `of_model` is NaN where there is no probability of the model.
    """
    change = np.full(trees.shape, np.nan)
    calibrations: dict[str, Calibration] = {}
    fitted, held_out = parts.fitted, parts.held_out
    machine, changed = pairs.machine, pairs.machine != pairs.overread
    for k, key in enumerate(labels):
        for direction in DIRECTIONS:
            here = machine[:, k] if direction == "removed" else ~machine[:, k]
            own = fitted[here[fitted]]
            calibration = fit(trees[own, k], of_model[own, k], changed[own, k])
            calibrations[f"{key}/{direction}"] = calibration
            for rows in (own, held_out[here[held_out]]):
                change[rows, k] = probability(calibration, trees[rows, k], of_model[rows, k])
    return change, calibrations


def any_logit(change: Floats) -> Floats:
    """Return the log odds that any label is changed, (n,), as if labels (n, labels) were changed independently."""
    none = np.log1p(-np.clip(change, 1e-9, 1 - 1e-9)).sum(axis=-1)
    odds: Floats = np.log(-np.expm1(none)) - none
    return odds


def any_change(change: Floats, pairs: Pairs, parts: Parts) -> tuple[Floats, Calibration]:
    """Return the probability that any label is changed, (n,), and its calibration."""
    logits, none = any_logit(change), np.full(len(change), np.nan)
    happened = np.any(pairs.machine != pairs.overread, axis=1)
    fitted = parts.fitted
    calibration = fit(logits[fitted], none[fitted], happened[fitted])
    result = none.copy()
    for rows in (fitted, parts.held_out):
        result[rows] = probability(calibration, logits[rows], none[rows])
    return result, calibration
