"""Two models on the same rows: paired bootstrap over patients, and DeLong's test."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.corpus.store import Hedged, Store
from ml.evaluation.bootstrap import bootstrap
from ml.evaluation.delong import delong
from ml.evaluation.metrics import Bools, Floats, auroc_auprc, mean_defined, percentile_interval
from ml.evaluation.ranking import TOO_FEW_DRAWS
from ml.evaluation.report import macro_over, truths
from ml.processes.run_folder import json_safe


def comparison(
    store: Store,
    rows: NDArray[np.int64],
    scores: Floats,
    other: Floats,
    *,
    hedged: Hedged,
    draws: int = 1000,
    seed: int = 0,
    device: str = "cpu",
) -> dict[str, Any]:
    """Compare two models' scores, (rows, labels) each, against either source.

    Both are measured on the same draws of patients (paired bootstrap).

    Returns
    -------
    For "overread" and "machine": macro and per label, for AUROC and AUPRC, `value`, `other`, `difference` (the first
    less the other) with its 95 % percentile interval, and the bootstrap's two-sided `p`; for a label's AUROC also
    DeLong's `z` and `p`. None where a figure is undefined, with `undefined` saying why.
    """
    read, patients = truths(store, rows, hedged), store.column("patient")[rows]
    keys, over = [key for key, _ in store.labels], macro_over(read)
    return {
        source: compare(
            keys, (scores, other), *truth, patients=patients, draws=draws, seed=seed, device=device, over=over
        )
        for source, truth in read.items()
    }


def compare(
    labels: list[str],
    scores: tuple[Floats, Floats],
    positive: Bools,
    counts: Bools,
    *,
    patients: NDArray[np.str_],
    draws: int,
    seed: int,
    device: str = "cpu",
    over: Bools | None = None,
) -> Any:
    """Compare two models' scores against one source, all (rows, labels); see `comparison`.

    `over`, (labels,), are the labels of the macro figures: all that have both classes unless given.
    """
    values = [auroc_auprc(each, positive, counts) for each in scores]
    drawn = [bootstrap(each, positive, counts, patients, draws=draws, seed=seed, device=device) for each in scores]
    result: dict[str, Any] = {"macro": {}, "labels": {key: {} for key in labels}}
    for place, name in enumerate(("auroc", "auprc")):
        mine, theirs = (value[place] for value in values)
        apart = getattr(drawn[0], name) - getattr(drawn[1], name)
        defined = np.isfinite(mine) if over is None else np.isfinite(mine) & over
        result["macro_over"] = [key for key, use in zip(labels, defined, strict=True) if use]
        averaged = mean_defined(apart[:, defined], axis=1)
        result["macro"][name] = difference(
            float(mean_defined(mine[defined])), float(mean_defined(theirs[defined])), averaged
        )
        for k, key in enumerate(labels):
            result["labels"][key][name] = difference(float(mine[k]), float(theirs[k]), apart[:, k])
    for k, key in enumerate(labels):
        use = counts[:, k]
        both = np.stack([each[use, k] for each in scores], axis=1)
        result["labels"][key]["delong"] = _delong(both, positive[use, k], patients[use])
    return json_safe(result)


def difference(value: float, other: float, drawn: Floats) -> dict[str, Any]:
    """Return two figures and their difference, with interval and two-sided p from the differences of the draws."""
    if np.isnan(value):
        return {
            **dict.fromkeys(("value", "other", "difference", "difference_ci", "p")),
            "undefined": "not both classes",
        }
    defined = drawn[np.isfinite(drawn)]
    interval = percentile_interval(drawn)
    result = {"value": value, "other": other, "difference": value - other, "difference_ci": interval, "p": None}
    if interval is None:
        return {**result, "undefined": TOO_FEW_DRAWS}
    # each draw, and the figure itself, is one of the ways it could have come out (Davison and Hinkley 1997, 4.2)
    tails = [(1 + (defined <= 0).sum()) / (1 + len(defined)), (1 + (defined >= 0).sum()) / (1 + len(defined))]
    return {**result, "p": float(min(1.0, 2 * min(tails)))}


def _delong(scores: Floats, positive: Bools, patients: NDArray[np.str_]) -> dict[str, Any]:
    tested = delong(scores, positive, patients)
    if tested is None:
        return {"z": None, "p": None, "undefined": "a class comes from fewer than two patients"}
    if tested.z is None:
        return {"z": None, "p": None, "undefined": "the difference has no variance"}
    return {"z": tested.z, "p": tested.p}
