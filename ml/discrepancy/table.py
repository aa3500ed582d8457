"""The table of a discrepancy model: how well it ranks pairs by their changes, beside what needs no learning."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.discrepancy.calibrate import FEWEST_CHANGES
from ml.discrepancy.folder import DIRECTIONS
from ml.evaluation.bootstrap import bootstrap
from ml.evaluation.compare import difference
from ml.evaluation.draws import Drawn
from ml.evaluation.metrics import (
    Bools,
    Floats,
    auroc_auprc,
    brier_score,
    mean_defined,
    percentile_interval,
    reliability,
)
from ml.processes.run_folder import json_safe

MODEL = "model"
DRAWS = 500
NOT_ENOUGH = f"not enough: fewer than {FEWEST_CHANGES} changes"
BETTER, NO_BETTER, WORSE = "better", "no better", "worse"

Scores = Mapping[str, Floats]


def measure(
    keys: Sequence[str], machine: Bools, overread: Bools, scores: Scores, *, patients: NDArray[np.str_], seed: int = 0
) -> dict[str, Any]:
    """Measure scores of changes, (n, labels) each by method: the model's, which are probabilities, and baselines'.

    A label's pairs are split by direction: it can be added where the machine does not say it, and removed where it
    does. What was changed fewer than `FEWEST_CHANGES` times has no figure.

    Returns
    -------
    `pairs`, `patients`; for each of `labels` and directions `pairs`, `changes`, `calibration` (the mean probability,
    Brier score and calibration error of the model), and by method AUROC and AUPRC with 95 % intervals by bootstrap over
    patients; `macro`: the means over the `statements` with enough changes, by method, and the differences of the
    model to each baseline on the same draws; and the `verdict` on the macro AUPRC beside `against`.
    """
    changed = machine != overread
    # a column for each direction of each label; pairs of the other direction do not count
    counts = np.stack([~machine, machine], axis=2).reshape(len(machine), -1)
    positive = np.repeat(changed, 2, axis=1) & counts
    columns = [(key, direction) for key in keys for direction in DIRECTIONS]
    enough = positive.sum(axis=0) >= FEWEST_CHANGES
    measured: dict[str, tuple[Floats, Floats]] = {}
    drawn: dict[str, Drawn] = {}
    used = np.flatnonzero(enough)
    for method, score in scores.items():
        spread = np.repeat(score, 2, axis=1)[:, used]
        measured[method] = auroc_auprc(spread, positive[:, used], counts[:, used])
        drawn[method] = bootstrap(spread, positive[:, used], counts[:, used], patients, draws=DRAWS, seed=seed)
    labels: dict[str, dict[str, Any]] = {key: {} for key in keys}
    places = {int(column): place for place, column in enumerate(used)}
    for column, (key, direction) in enumerate(columns):
        own = counts[:, column]
        entry: dict[str, Any] = {"pairs": int(own.sum()), "changes": int(positive[:, column].sum())}
        if column in places:
            place = places[column]
            entry["methods"] = {method: _figures(measured[method], drawn[method], place) for method in scores}
            probabilities = scores[MODEL][own, column // 2]
            entry["calibration"] = _calibration(probabilities, positive[own, column])
        else:
            entry["reason"] = NOT_ENOUGH
        labels[key][direction] = entry
    result: dict[str, Any] = {
        "pairs": len(machine),
        "patients": len(np.unique(patients)),
        "methods": list(scores),
        "labels": labels,
        "macro": _macro(measured, drawn, [columns[column] for column in used]),
    }
    safe: dict[str, Any] = json_safe({**result, **_verdict(result["macro"])})
    return safe


def _figures(measured: tuple[Floats, Floats], drawn: Drawn, place: int) -> dict[str, Any]:
    return {
        "auroc": float(measured[0][place]),
        "auroc_ci": percentile_interval(drawn.auroc[:, place]),
        "auprc": float(measured[1][place]),
        "auprc_ci": percentile_interval(drawn.auprc[:, place]),
    }


def _calibration(probabilities: Floats, positive: Bools) -> dict[str, float]:
    return {
        "predicted": float(probabilities.mean()),
        "observed": float(positive.mean()),
        "brier": brier_score(probabilities, positive),
        "ece": reliability(probabilities, positive).expected_calibration_error(),
    }


def _macro(
    measured: Mapping[str, tuple[Floats, Floats]], drawn: Mapping[str, Drawn], over: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    if not over:
        return {"statements": [], "methods": {}, "differences": {}, "reason": NOT_ENOUGH}
    methods: dict[str, Any] = {}
    draws: dict[str, dict[str, Floats]] = {}
    for method, values in measured.items():
        methods[method], draws[method] = {}, {}
        for name, value, each in zip(
            ("auroc", "auprc"), values, (drawn[method].auroc, drawn[method].auprc), strict=True
        ):
            draws[method][name] = mean_defined(each, axis=1)
            methods[method][name] = float(mean_defined(value))
            methods[method][f"{name}_ci"] = percentile_interval(draws[method][name])
    differences = {
        method: {
            name: difference(methods[MODEL][name], methods[method][name], draws[MODEL][name] - draws[method][name])
            for name in ("auroc", "auprc")
        }
        for method in measured
        if method != MODEL
    }
    statements = [{"label": key, "direction": direction} for key, direction in over]
    return {"statements": statements, "methods": methods, "differences": differences}


def _verdict(macro: dict[str, Any]) -> dict[str, Any]:
    """Say whether the model's macro AUPRC is above that of |p - machine|, or of the prior where there is no p."""
    differences = macro["differences"]
    against = "difference" if "difference" in differences else "prior"
    interval = differences[against]["auprc"]["difference_ci"] if against in differences else None
    if interval is None:
        return {"against": None, "verdict": "not enough"}
    low, high = interval
    return {"against": against, "verdict": BETTER if low > 0 else WORSE if high < 0 else NO_BETTER}
