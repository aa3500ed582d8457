"""From counted cells to the tables users see."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.disagreement import statistics
from app.disagreement.counting import queries
from app.disagreement.counting.cells import CellBook
from app.disagreement.counting.selection import NAMED, SEXES, GroupBy, PairFilter, month_name
from app.disagreement.outcomes import Hedged
from app.disagreement.statistics import LabelCounts, Masks, Rate
from app.kit.database import Json
from app.kit.problems import invalid
from app.vocabularies.service import ReadingRules
from ml.labeling import Label

MAX_GROUPS = 2_000
"""More groups are a query to be narrowed: each has a row a label."""

Integers = NDArray[np.int64]
Key = tuple[str | int | None, ...]


@dataclass(frozen=True)
class Asked:
    """A question: which pairs, what a hedge counts as, and by what they are grouped."""

    chosen: PairFilter
    hedged: Hedged = "positive"
    group_by: tuple[GroupBy, ...] = ()


class Tally(NamedTuple):
    """What was counted, by group: `keys` in order; arrays of (group, label) and of (group,)."""

    keys: list[Key]
    counts: LabelCounts
    pairs: Integers
    differing: Integers

    def summed(self) -> "Tally":
        """Give all groups as one."""
        both, added, removed, neither = (
            getattr(self.counts, name).sum(axis=0, keepdims=True) for name in ("both", "added", "removed", "neither")
        )
        whole = LabelCounts(both=both, added=added, removed=removed, neither=neither)
        return Tally([()], whole, self.pairs.sum(keepdims=True), self.differing.sum(keepdims=True))


def disagreement(session: Session, book: CellBook, rules: ReadingRules, asked: Asked) -> Json:
    """Answer a question as `schemas.Disagreement` shows it; the whole is the sum of its groups."""
    labels = rules.vocabulary.labels
    counted = tally(session, book, rules, asked)
    whole = _tables(counted.summed(), labels)[0]
    groups = None
    if asked.group_by:
        keys = [dict(zip(asked.group_by, key, strict=True)) for key in counted.keys]
        groups = [{"group": key, **table} for key, table in zip(keys, _tables(counted, labels), strict=True)]
    return {**whole, "vocabulary": rules.vocabulary.version, "hedged": asked.hedged, "groups": groups}


def tally(session: Session, book: CellBook, rules: ReadingRules, asked: Asked) -> Tally:
    """Count the chosen pairs by group and label; a 422 when there are too many groups."""
    assert rules.slot is not None
    counted = queries.count_by_cell(session, rules.slot, asked.chosen, asked.group_by)
    combined = np.zeros_like(counted.cell_ids)
    for values in counted.groups:
        combined = (combined << 24) + (values + 1)  # ids, months and ages are far below 2^24
    present, group = np.unique(combined, return_inverse=True)
    if len(present) > MAX_GROUPS:
        raise invalid(
            "query.group_by",
            f"makes {len(present):,} groups, and an answer holds at most {MAX_GROUPS:,}: narrow the choice",
            "too_many_groups",
        )
    size = len(present) if asked.group_by else 1
    cell_ids, cell = np.unique(counted.cell_ids, return_inverse=True)
    masks = book.masks(session, cell_ids)
    counts = statistics.count(
        masks, len(rules.vocabulary.labels), asked.hedged, cell, counted.pairs, group, groups=size
    )
    differs = _differ(masks, asked.hedged)[cell]
    pairs, differing = (
        np.bincount(group, weights=weights, minlength=size).astype(np.int64)
        for weights in (counted.pairs, counted.pairs * differs)
    )
    if not asked.group_by:
        return Tally([()], counts, pairs, differing)
    first = np.unique(combined, return_index=True)[1]
    keys = _keys(session, asked.group_by, [values[first] for values in counted.groups])
    order = np.array(sorted(range(size), key=lambda at: [(name is None, name) for name in keys[at]]), np.int64)
    sorted_counts = LabelCounts(
        both=counts.both[order], added=counts.added[order], removed=counts.removed[order], neither=counts.neither[order]
    )
    return Tally([keys[at] for at in order], sorted_counts, pairs[order], differing[order])


def _differ(masks: Masks, hedged: Hedged) -> NDArray[np.bool_]:
    differs: NDArray[np.bool_] = (masks.added(hedged) | masks.removed(hedged)) != 0
    return differs


def _keys(session: Session, group_by: Sequence[GroupBy], values: Sequence[Integers]) -> list[Key]:
    """Name groups by what they have in common."""
    ids = {int(id_) for grouping, column in zip(group_by, values, strict=True) if grouping in NAMED for id_ in column}
    names = queries.names_of(session, ids) if ids else {}
    columns = [
        [_name(grouping, int(value), names) for value in column]
        for grouping, column in zip(group_by, values, strict=True)
    ]
    return list(zip(*columns, strict=True))


def _name(grouping: GroupBy, value: int, names: dict[int, str]) -> str | int | None:
    if grouping in NAMED:
        return names.get(value)
    if grouping == "sex":
        return SEXES[value]
    if value < 0:
        return None
    return month_name(value) if grouping == "month" else value


def _tables(counted: Tally, labels: Sequence[Label]) -> list[Json]:
    """Give the table of each group."""
    share = _shown(statistics.proportion(counted.differing, counted.pairs) * 100)
    changes = counted.counts.disagreement.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = _plain(changes / counted.pairs)
    rows = label_rows(counted.counts, labels)
    return [
        {
            "pairs": pairs,
            "differing": differing,
            "differing_pct": share[0][at],
            "differing_pct_ci": share[1][at],
            "changes": changed,
            "changes_per_ecg": mean[at],
            "labels": rows[at],
        }
        for at, (pairs, differing, changed) in enumerate(
            zip(counted.pairs.tolist(), counted.differing.tolist(), changes.tolist(), strict=True)
        )
    ]


def label_rows(counts: LabelCounts, labels: Sequence[Label]) -> list[list[Json]]:
    """Give the rows of `schemas.LabelRow`, of each group in the vocabulary's order."""
    rates = {
        "added_pct": statistics.relative_gain(counts.added, counts.machine) * 100,
        "removed_pct": statistics.proportion(counts.removed, counts.machine) * 100,
        "kappa": statistics.kappa(counts),
        "ppv": statistics.proportion(counts.both, counts.machine),
        "sensitivity": statistics.proportion(counts.both, counts.overread),
        "specificity": statistics.proportion(counts.neither, counts.neither + counts.removed),
    }
    columns: dict[str, list[list[Any]]] = {
        name: getattr(counts, name).tolist()
        for name in ("pairs", "machine", "overread", "both", "disagreement", "added", "removed")
    }
    for name, rate in rates.items():
        columns[name], columns[f"{name}_ci"] = _shown(rate)
    columns["mcnemar_p"] = statistics.mcnemar(counts).tolist()
    names = list(columns)
    return [
        [
            {"label": label.key, "name": label.name, **dict(zip(names, row, strict=True))}
            for label, row in zip(labels, zip(*of_group, strict=True), strict=True)
        ]
        for of_group in zip(*columns.values(), strict=True)
    ]


def _shown(rate: Rate) -> tuple[list[Any], list[Any]]:
    """Give values and intervals as lists, None where they are not defined."""
    intervals = np.stack([rate.low, rate.high], axis=-1)
    return _plain(rate.value), _none_for_nan(intervals.tolist())


def _plain(values: NDArray[np.float64]) -> list[Any]:
    plain = values.astype(object)
    plain[np.isnan(values)] = None
    shown: list[Any] = plain.tolist()
    return shown


def _none_for_nan(intervals: list[Any]) -> list[Any]:
    if intervals and isinstance(intervals[0], float):
        return None if intervals[0] != intervals[0] else intervals  # type: ignore[return-value]
    return [_none_for_nan(part) for part in intervals]
