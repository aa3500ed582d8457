"""Metrics of an arm: the mean over its seeds, with the interval of that mean from the same draws of patients."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.evaluation.bootstrap import bootstrap
from ml.evaluation.compare import difference
from ml.evaluation.metrics import Bools, Floats, both_classes, mean_defined, percentile_interval, rank_labels
from ml.evaluation.ranking import band
from ml.processes.run_folder import json_safe

METRICS = ("auroc", "auprc")


@dataclass(frozen=True)
class Truth:
    """The labels of the test rows by one source, (rows, labels) twice, and the patients (rows,)."""

    positive: Bools
    counts: Bools
    patients: NDArray[np.str_]


@dataclass(frozen=True)
class ArmMetrics:
    """An arm's metrics against one source, the labels in the dataset's order.

    Attributes
    ----------
    over
        (labels,): the labels of macro figures.
    values
        By metric, (seeds, labels); NaN where a label has one class only.
    drawn
        By metric, (draws, labels): the mean over the seeds in each draw.
    curves
        Macro ROC and PR curve with bands.
    """

    over: Bools
    values: dict[str, Floats]
    drawn: dict[str, Floats]
    curves: dict[str, Any]

    def summary(self, labels: Sequence[str]) -> dict[str, Any]:
        """Return every figure as JSON: `value`, its `ci`, and the standard deviation over the seeds."""
        over = [key for key, use in zip(labels, self.over, strict=True) if use]
        result: dict[str, Any] = {"macro": {}, "macro_over": over, "labels": {key: {} for key in labels}}
        result["macro_curves"] = self.curves
        for metric in METRICS:
            by_seed, drawn = self.values[metric], self.drawn[metric]
            macro = mean_defined(by_seed[:, self.over], axis=1)
            result["macro"][metric] = _figure(macro, mean_defined(drawn[:, self.over], axis=1))
            for k, key in enumerate(labels):
                result["labels"][key][metric] = _figure(by_seed[:, k], drawn[:, k])
        summary: dict[str, Any] = json_safe(result)
        return summary


def _figure(by_seed: Floats, drawn: Floats) -> dict[str, Any]:
    if np.isnan(by_seed).any():
        return {"value": None, "ci": None, "seed_sd": None, "undefined": "not both classes in the test split"}
    spread = float(by_seed.std(ddof=1)) if len(by_seed) > 1 else None
    return {"value": float(by_seed.mean()), "ci": percentile_interval(drawn), "seed_sd": spread}


def measure(
    scores: Sequence[Floats], truth: Truth, draws: int, device: str = "cpu", *, over: Bools | None = None
) -> ArmMetrics:
    """Measure an arm's scores, one (rows, labels) a seed, against one source.

    `over`, (labels,), are the labels of macro figures: all that have both classes unless given.
    """
    once = np.ones(len(truth.patients))
    values: dict[str, list[list[float]]] = {metric: [] for metric in METRICS}
    curves: dict[str, list[Any]] = {"roc": [], "pr": []}
    drawn: list[Any] = []
    rows = truth.positive, truth.counts, truth.patients
    for each in scores:
        ranked = [label.measure(once, curves=True) for label in rank_labels(each, truth.positive, truth.counts)]
        for metric in METRICS:
            values[metric].append([getattr(label, metric) for label in ranked])
        curves["roc"].append([label.tpr for label in ranked])
        curves["pr"].append([label.precision for label in ranked])
        drawn.append(bootstrap(each, *rows, draws=draws, seed=0, curves=True, device=device))
    by_metric = {metric: np.array(values[metric]) for metric in METRICS}
    defined = both_classes(truth.positive, truth.counts)
    over = defined if over is None else defined & over
    return ArmMetrics(
        over,
        by_metric,
        {metric: np.mean([getattr(each, metric) for each in drawn], axis=0) for metric in METRICS},
        _curves(curves, drawn, over),
    )


def _curves(curves: dict[str, list[Any]], drawn: Sequence[Any], defined: Bools) -> dict[str, Any]:
    if not defined.any():
        return {}
    result = {}
    for kind, part in (("roc", "tpr"), ("pr", "precision")):
        value = np.mean([np.array(labels)[defined] for labels in curves[kind]], axis=(0, 1))
        of_draws = np.mean([mean_defined(getattr(each, part)[:, defined], axis=1) for each in drawn], axis=0)
        result[kind] = band(value, of_draws)
    return result


def differences(arm: ArmMetrics, other: ArmMetrics, labels: Sequence[str]) -> list[dict[str, Any]]:
    """Compare two arms against the same source by paired bootstrap: a row for macro and for each label."""
    rows = []
    for metric in METRICS:
        mine, theirs = (measured.values[metric].mean(axis=0) for measured in (arm, other))
        apart = arm.drawn[metric] - other.drawn[metric]
        over = arm.over
        macro = difference(
            float(mean_defined(mine[over])), float(mean_defined(theirs[over])), mean_defined(apart[:, over], axis=1)
        )
        rows.append({"metric": metric, "label": "macro", **macro})
        rows += [
            {"metric": metric, "label": key, **difference(float(mine[k]), float(theirs[k]), apart[:, k])}
            for k, key in enumerate(labels)
        ]
    cleaned: list[dict[str, Any]] = json_safe(rows)
    return cleaned
