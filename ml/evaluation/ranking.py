"""Ranking metrics as JSON: values with intervals, curves with bands, and the reason where there is none."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ml.evaluation.draws import Drawn
from ml.evaluation.metrics import Bools, Floats, Measured, mean_defined, percentile_interval
from ml.evaluation.subgroups import MIN_PATIENTS

CURVE_DIGITS = 5
TOO_FEW_DRAWS = "more than half of the bootstrap's draws have one class only"


def ranking(measured: Measured, drawn: Drawn, label: int, positive: Bools, *, counts: Bools) -> dict[str, Any]:
    """Return a label's counts, AUROC and AUPRC with intervals from its draws, and why a figure is None."""
    windows, positives = int(counts.sum()), int(positive[counts].sum())
    result: dict[str, Any] = {"windows": windows, "positives": positives}
    undefined: dict[str, str] = {}
    for name, value, draws in (
        ("auroc", measured.auroc, drawn.auroc[:, label]),
        ("auprc", measured.auprc, drawn.auprc[:, label]),
    ):
        result |= {name: None, f"{name}_ci": None}
        if np.isnan(value):
            undefined |= dict.fromkeys((name, f"{name}_ci"), _why_not(windows, positives))
            continue
        result |= {name: float(value), f"{name}_ci": percentile_interval(draws)}
        if result[f"{name}_ci"] is None:
            undefined[f"{name}_ci"] = TOO_FEW_DRAWS
    return {**result, "undefined": undefined}


def _why_not(windows: int, positives: int) -> str:
    if windows == 0:
        return "no window has a report of this source"
    if 0 < positives < windows:  # both classes are there and it was not measured: a subgroup too small for it
        return f"fewer than {MIN_PATIENTS} patients of a class"
    return f"no window is {'negative' if positives else 'positive'}"


def macro(measured: Sequence[Measured], drawn: Drawn, keys: Sequence[str], over: Bools) -> dict[str, Any]:
    """Return the mean over some labels, with its interval, and which labels those are.

    A label that is undefined in a draw is left out of that draw's mean, not the draw.

    Parameters
    ----------
    over
        (labels,): the labels to average over. Those without both classes are left out.
    """
    defined = over & np.array([np.isfinite(label.auroc) for label in measured])
    result: dict[str, Any] = {"macro_labels": int(defined.sum())}
    result["macro_over"] = [key for key, use in zip(keys, defined, strict=True) if use]
    for name, draws in (("auroc", drawn.auroc), ("auprc", drawn.auprc)):
        values = np.array([getattr(label, name) for label in measured])[defined]
        result[f"macro_{name}"] = float(mean_defined(values)) if defined.any() else None
        result[f"macro_{name}_ci"] = percentile_interval(mean_defined(draws[:, defined], axis=1))
    reason = TOO_FEW_DRAWS if defined.any() else "no label has both classes"
    names = [f"macro_{name}" for name in ("auroc", "auprc")]
    missing = [name for name in (*names, *(f"{name}_ci" for name in names)) if result[name] is None]
    return {**result, "undefined": dict.fromkeys(missing, reason)}


def curves(measured: Measured, tpr: Floats, precision: Floats) -> dict[str, Any] | None:
    """Return a label's ROC and PR curves on the grid with their bands, from draws (draws, 101)."""
    if np.isnan(measured.auroc):
        return None
    return {"roc": band(measured.tpr, tpr), "pr": band(measured.precision, precision)}


def macro_curves(measured: Sequence[Measured], drawn: Drawn, over: Bools) -> dict[str, Any] | None:
    """Return the mean curves over some labels, with their bands (the paper's Figure A.2); see `macro`."""
    defined = over & np.array([np.isfinite(label.auroc) for label in measured])
    if not defined.any():
        return None
    assert drawn.tpr is not None and drawn.precision is not None
    return {
        name: band(
            mean_defined(np.stack([getattr(label, part) for label in measured])[defined]),
            mean_defined(draws[:, defined], axis=1),
        )
        for name, part, draws in (("roc", "tpr", drawn.tpr), ("pr", "precision", drawn.precision))
    }


def band(curve: Floats, draws: Floats) -> dict[str, Any]:
    """Return a curve (101,) on the grid with the band that 95 % of its draws (draws, 101) leave, point by point."""
    defined = draws[np.isfinite(draws[:, 0])]
    band: list[list[float] | None] = [None, None]
    if len(defined) and len(defined) >= len(draws) / 2:
        band = [edge.round(CURVE_DIGITS).tolist() for edge in np.percentile(defined, [2.5, 97.5], axis=0)]
    return {"value": curve.round(CURVE_DIGITS).tolist(), "low": band[0], "high": band[1]}
