"""Counts and rates as the plain values of an answer; None where a rate is not defined."""

from collections.abc import Sequence
from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.disagreement import statistics
from app.disagreement.statistics import LabelCounts, Rate
from app.disagreement.tally import Tally
from app.kit.database import Json
from ml.labeling import Label


def tables(counted: Tally, labels: Sequence[Label]) -> list[Json]:
    """Return the table of each group, as `schemas.Table` shows it."""
    share = shown(statistics.proportion(counted.differing, counted.pairs) * 100)
    changes = counted.counts.disagreement.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = plain(changes / counted.pairs)
    rows = label_rows(counted.counts, labels)
    return [
        {
            "pairs": pairs,
            "differing": differing,
            "differing_pct": share[0][at],
            "differing_pct_ci": share[1][at],
            "changes": changed,
            "changes_per_ecg": mean[at],
            "unread": {"machine": machine, "overread": overread},
            "unreadable": unreadable,
            "labels": rows[at],
        }
        for at, (pairs, differing, changed, (machine, overread, unreadable)) in enumerate(
            zip(*(each.tolist() for each in (counted.pairs, counted.differing, changes, counted.left_out)), strict=True)
        )
    ]


def label_rows(counts: LabelCounts, labels: Sequence[Label]) -> list[list[Json]]:
    """Return each group's rows, as `schemas.LabelRow` shows them, in the vocabulary's order."""
    columns: dict[str, list[list[Any]]] = {
        name: getattr(counts, name).tolist()
        for name in ("pairs", "machine", "overread", "both", "disagreement", "added", "removed")
    }
    for name, rate in rates(counts).items():
        columns[name], columns[f"{name}_ci"] = shown(rate)
    columns["mcnemar_p"] = statistics.mcnemar(counts).tolist()
    names = list(columns)
    return [
        [
            {"label": label.key, "name": label.name, **dict(zip(names, row, strict=True))}
            for label, row in zip(labels, zip(*of_group, strict=True), strict=True)
        ]
        for of_group in zip(*columns.values(), strict=True)
    ]


def rates(counts: LabelCounts) -> dict[str, Rate]:
    """Return the rates of a label's row."""
    return {
        "added_pct": statistics.relative_gain(counts.added, counts.machine) * 100,
        "removed_pct": statistics.proportion(counts.removed, counts.machine) * 100,
        "kappa": statistics.kappa(counts),
        "ppv": statistics.proportion(counts.both, counts.machine),
        "sensitivity": statistics.proportion(counts.both, counts.overread),
        "specificity": statistics.proportion(counts.neither, counts.neither + counts.removed),
    }


def differences(a: LabelCounts, b: LabelCounts, labels: Sequence[Label]) -> list[Json]:
    """Return how much the rates of `a` are above those of `b`, by label; both are of one group."""
    ours, theirs = rates(a), rates(b)
    columns: dict[str, list[Any]] = {}
    for name, rate in ours.items():
        (columns[name],), (columns[f"{name}_ci"],) = shown(statistics.difference(rate, theirs[name]))
    return [
        {"label": label.key, "name": label.name, **{name: values[at] for name, values in columns.items()}}
        for at, label in enumerate(labels)
    ]


def shown(rate: Rate) -> tuple[list[Any], list[Any]]:
    """Return rates and their intervals as lists."""
    return plain(rate.value), intervals(rate)


def intervals(rate: Rate) -> list[Any]:
    """Return the intervals of rates, of one axis or more, as lists of pairs."""
    if rate.value.ndim > 1:
        return [intervals(Rate(*part)) for part in zip(rate.value, rate.low, rate.high, strict=True)]
    pairs = zip(rate.low.tolist(), rate.high.tolist(), strict=True)
    return [None if isnan(low) else (low, high) for low, high in pairs]


def plain(values: NDArray[np.float64]) -> list[Any]:
    """Return an array's values as lists."""
    filled = values.astype(object)
    filled[np.isnan(values)] = None
    listed: list[Any] = filled.tolist()
    return listed
