"""A model's metrics on some windows: ranking, calibration and subgroups, against the over-read and the machine."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ml.corpus.store import Hedged, Source, Store
from ml.evaluation.bootstrap import bootstrap
from ml.evaluation.calibration import Calibrated
from ml.evaluation.metrics import (
    CURVE_GRID,
    Bools,
    Floats,
    both_classes,
    brier_score,
    labels_of_all,
    rank_labels,
    reliability,
)
from ml.evaluation.ranking import curves, macro, macro_curves, ranking
from ml.evaluation.subgroups import MIN_PATIENTS, subgroups
from ml.processes.run_folder import json_safe

DRAWS = 1000


class Scored(NamedTuple):
    """A model's scores of some rows of a store.

    `logits` and `probabilities` are (rows, labels): ranking is measured on the first, calibration on the second.
    `thresholds` are on the score σ(logit), (labels,).
    """

    rows: NDArray[np.int64]
    logits: Floats
    probabilities: Floats
    thresholds: Floats | None = None


def scored_with(points: Sequence[Calibrated], rows: NDArray[np.int64], logits: Floats) -> Scored:
    """Calibrate and threshold logits (rows, labels) with each label's operating point."""
    probabilities = np.stack([point.probability(logits[:, k]) for k, point in enumerate(points)], axis=1)
    return Scored(rows, logits, probabilities, np.array([point.threshold for point in points]))


class Truth(NamedTuple):
    """What a source says of some rows: `positive` and `counts`, (rows, labels) each."""

    positive: Bools
    counts: Bools


def truths(store: Store, rows: NDArray[np.int64], hedged: Hedged) -> dict[Source, Truth]:
    """Return what either source says of some rows of a store."""
    read: dict[Source, Truth] = {}
    for source in get_args(Source):
        targets, counts = store.targets(source, hedged)
        read[source] = Truth(targets[rows] > 0, counts[rows])
    return read


def macro_over(read: Mapping[Source, Truth]) -> Bools:
    """Return the labels of macro figures, (labels,): the same ones against either source."""
    return labels_of_all([both_classes(*truth) for truth in read.values()])


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are made: how many draws, from which seed, on which device."""

    draws: int = DRAWS
    seed: int = 0
    device: str = "cpu"


def metrics_of(
    store: Store, scored: Scored, hedged: Hedged, *, draws: int = DRAWS, seed: int = 0, device: str = "cpu"
) -> dict[str, Any]:
    """Measure a model on some rows of a store against either source.

    Macro figures are means over the same labels against either source, `macro_over`: those that have both classes by
    both. (A source by which no label has both classes, such as one without reports, leaves no label out.)

    Returns
    -------
    For "overread" and "machine": macro and per-label AUROC and AUPRC with bootstrap 95 % intervals over patients and
    their curves with bands, Brier score, expected calibration error, reliability, and what the threshold in use finds.
    For the over-read also the subgroups. A figure that is undefined is None, and the `undefined` beside it says why
    (where a label has no window at all, that of its AUROC).
    """
    read, how = truths(store, scored.rows, hedged), Bootstrap(draws, seed, device)
    over = macro_over(read)
    measured = {source: _against(store, scored, truth, how, over=over) for source, truth in read.items()}
    measured["overread"]["subgroups"] = list(_subgroups(store, scored, read["overread"], how))
    cleaned: dict[str, Any] = json_safe(measured)
    return cleaned


def without_curves(measured: Mapping[str, Any]) -> dict[str, Any]:
    """Leave the curves out of `metrics_of`: a tenth of the size."""
    return {
        source: {
            **{name: value for name, value in against.items() if name not in ("curve_grid", "macro_curves")},
            "labels": {
                key: {name: value for name, value in label.items() if name not in ("curves", "reliability")}
                for key, label in against["labels"].items()
            },
        }
        for source, against in measured.items()
    }


def _against(store: Store, scored: Scored, truth: Truth, how: Bootstrap, *, over: Bools) -> dict[str, Any]:
    positive, counts = truth
    patients = store.column("patient")[scored.rows]
    once = np.ones(len(scored.rows))
    measured = [ranked.measure(once, curves=True) for ranked in rank_labels(scored.logits, positive, counts)]
    drawn = bootstrap(scored.logits, positive, counts, patients, **vars(how), curves=True)
    assert drawn.tpr is not None and drawn.precision is not None
    labels = {
        key: {
            **ranking(measured[k], drawn, k, positive[:, k], counts=counts[:, k]),
            "curves": curves(measured[k], drawn.tpr[:, k], drawn.precision[:, k]),
            **_calibrated(scored, k, positive[:, k], counts[:, k]),
        }
        for k, (key, _) in enumerate(store.labels)
    }
    return {
        "windows": int(counts.any(axis=1).sum()),
        "patients": len(np.unique(patients[counts.any(axis=1)])),
        **macro(measured, drawn, list(labels), over),
        "curve_grid": CURVE_GRID.tolist(),
        "macro_curves": macro_curves(measured, drawn, over),
        "labels": labels,
    }


def _subgroups(store: Store, scored: Scored, truth: Truth, how: Bootstrap) -> Iterator[dict[str, Any]]:
    for group in subgroups(store, scored.rows):
        members = Truth(truth.positive, truth.counts & group.members[:, None])
        yield {"attribute": group.attribute, "group": group.name, **_in_group(store, scored, members, how)}


def _in_group(store: Store, scored: Scored, truth: Truth, how: Bootstrap) -> dict[str, Any]:
    """Measure the ranking among the rows that count. Labels with too few patients of a class stay undefined."""
    here = truth.counts.any(axis=1)
    logits, positive, counts = scored.logits[here], truth.positive[here], truth.counts[here]
    patients = store.column("patient")[scored.rows][here]
    enough = np.array(
        [
            min(len(np.unique(patients[counts[:, k] & side])) for side in (positive[:, k], ~positive[:, k]))
            >= MIN_PATIENTS
            for k in range(counts.shape[1])
        ]
    )
    measurable = counts & enough
    once = np.ones(len(logits))
    measured = [ranked.measure(once) for ranked in rank_labels(logits, positive, measurable)]
    draws = how.draws if enough.any() else 0
    drawn = bootstrap(logits, positive, measurable, patients, draws=draws, seed=how.seed, device=how.device)
    labels = {
        key: ranking(measured[k], drawn, k, positive[:, k], counts=counts[:, k])
        for k, (key, _) in enumerate(store.labels)
    }
    averaged = macro(measured, drawn, list(labels), enough)
    return {"windows": len(logits), "patients": len(np.unique(patients)), **averaged, "labels": labels}


def _calibrated(scored: Scored, label: int, positive: Bools, counts: Bools) -> dict[str, Any]:
    if not counts.any():
        return {"brier": None, "ece": None, "reliability": None, "at_threshold": None}
    probabilities, truth = scored.probabilities[counts, label], positive[counts]
    curve = reliability(probabilities, truth)
    at = None
    if scored.thresholds is not None:
        threshold = float(scored.thresholds[label])
        called = expit(scored.logits[counts, label]) >= threshold
        at = {"threshold": threshold, **_found(called, truth)}
    return {
        "brier": brier_score(probabilities, truth),
        "ece": curve.expected_calibration_error(),
        "reliability": {name: values.tolist() for name, values in curve._asdict().items()},
        "at_threshold": at,
    }


def _found(called: Bools, truth: Bools) -> dict[str, Any]:
    """Return what a threshold finds: counts and their shares, None where a share is of nothing."""
    true_positive, false_positive = int((called & truth).sum()), int((called & ~truth).sum())
    false_negative, true_negative = int((~called & truth).sum()), int((~called & ~truth).sum())

    shares = {
        "sensitivity": (true_positive, false_negative, "no window is positive"),
        "specificity": (true_negative, false_positive, "no window is negative"),
        "ppv": (true_positive, false_positive, "no window is called positive"),
        "npv": (true_negative, false_negative, "no window is called negative"),
        "f1": (2 * true_positive, false_positive + false_negative, "no window is or is called positive"),
    }
    return {
        "true_positive": true_positive,
        "false_positive": false_positive,
        "false_negative": false_negative,
        "true_negative": true_negative,
        **{name: part / (part + rest) if part + rest else None for name, (part, rest, _) in shares.items()},
        "undefined": {name: why for name, (part, rest, why) in shares.items() if not part + rest},
    }
