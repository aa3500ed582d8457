"""From counted cells to the tables users see."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.disagreement import statistics
from app.disagreement.counting import queries
from app.disagreement.counting.cells import CellBook
from app.disagreement.counting.selection import NAMED, SEXES, GroupBy, PairFilter, month_name
from app.disagreement.schemas import Totals
from app.disagreement.statistics import LabelCounts, Masks, Rate
from app.kit.database import Json
from app.kit.problems import invalid
from app.vocabularies.service import ReadingRules
from ml.corpus.sources import HEDGED, Hedged
from ml.labeling import Label

MAX_GROUPS = 2_000
"""More groups are a query to be narrowed: each has a row a label."""

Integers = NDArray[np.int64]
Key = tuple[str | int | None, ...]


@dataclass(frozen=True)
class Asked:
    """A question: which pairs, what a hedge counts as, and by what they are grouped."""

    chosen: PairFilter
    hedged: Hedged = HEDGED
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
    return {**whole, **_about(rules, asked), "groups": groups}


def _about(rules: ReadingRules, asked: Asked) -> Json:
    """Return what every answer says of how it was counted."""
    return {"vocabulary": rules.vocabulary.version, "hedged": asked.hedged, "simulated": asked.chosen.simulated}


def trend(session: Session, book: CellBook, rules: ReadingRules, asked: Asked, only: Sequence[str]) -> Json:
    """Answer as `schemas.Trend` shows it: each label's row by month. Pairs of unknown time are counted apart."""
    counted = tally(session, book, rules, replace(asked, group_by=("month",)))
    tables = _tables(counted, rules.vocabulary.labels)
    months = [month for (month,) in counted.keys]
    undated = sum(table["pairs"] for table, month in zip(tables, months, strict=True) if month is None)
    dated = [(month, table) for month, table in zip(months, tables, strict=True) if month is not None]
    return {
        **_about(rules, asked),
        "undated": undated,
        "months": [{"month": month, **{name: table[name] for name in Totals.model_fields}} for month, table in dated],
        "labels": [
            {
                "label": label.key,
                "name": label.name,
                "points": [{"month": month, **table["labels"][bit]} for month, table in dated],
            }
            for bit, label in enumerate(rules.vocabulary.labels)
            if not only or label.key in only
        ],
    }


def flow(session: Session, book: CellBook, rules: ReadingRules, asked: Asked) -> Json:
    """Answer as `schemas.Flow` shows it: for each label removed, which labels were added in the same pair."""
    assert rules.slot is not None
    labels = rules.vocabulary.labels
    counted = queries.count_by_cell(session, rules.slot, asked.chosen)
    masks = book.masks(session, counted.cell_ids)
    bits = np.arange(len(labels))
    added, removed = (
        (mask[:, None] >> bits & 1).astype(np.int64)
        for mask in (masks.added(asked.hedged), masks.removed(asked.hedged))
    )
    weighted = removed.T * counted.pairs
    return {
        "pairs": int(counted.pairs.sum()),
        **_about(rules, asked),
        "removed": _flows(labels, weighted @ added, weighted.sum(axis=1), weighted @ ~added.any(axis=1)),
        "added": _flows(
            labels, (weighted @ added).T, added.T @ counted.pairs, (added.T * counted.pairs) @ ~removed.any(axis=1)
        ),
    }


def _flows(labels: Sequence[Label], together: Integers, pairs: Integers, alone: Integers) -> list[Json]:
    """Give a row a label: with how many pairs, how many of them with none of the others, and which others."""
    return [
        {
            "label": label.key,
            "name": label.name,
            "pairs": int(pairs[row]),
            "alone": int(alone[row]),
            "others": [
                {"label": labels[other].key, "name": labels[other].name, "pairs": int(together[row, other])}
                for other in np.argsort(-together[row], kind="stable")
                if together[row, other]
            ],
        }
        for row, label in enumerate(labels)
    ]


def tally(session: Session, book: CellBook, rules: ReadingRules, asked: Asked) -> Tally:
    """Count the chosen pairs by group and label; a 422 when there are too many groups."""
    assert rules.slot is not None
    counted = queries.count_by_cell(session, rules.slot, asked.chosen, asked.group_by)
    present, group = _compact(counted.groups, len(counted.cell_ids))
    size = len(present[0]) if present else 1
    if size > MAX_GROUPS:
        raise invalid(
            "query.group_by",
            f"makes {size:,} groups, and an answer holds at most {MAX_GROUPS:,}: narrow the choice",
            "too_many_groups",
        )
    (cell_ids,), cell = _compact([counted.cell_ids], len(counted.cell_ids))
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
    keys = _keys(session, asked.group_by, present)
    # a group may be all corrections that cancel out
    kept = [at for at in range(size) if pairs[at]]
    order = np.array(sorted(kept, key=lambda at: [(name is None, name) for name in keys[at]]), np.int64)
    in_order = LabelCounts(
        both=counts.both[order], added=counts.added[order], removed=counts.removed[order], neither=counts.neither[order]
    )
    return Tally([keys[at] for at in order], in_order, pairs[order], differing[order])


def _compact(columns: Sequence[Integers], rows: int) -> tuple[list[Integers], Integers]:
    """Number the distinct rows of some columns: give those rows, a column each, and every row's number.

    Sorting a million rows would take longer than counting them: ids and months are small, so a table will do.
    """
    number = np.zeros(rows, np.int64)
    found: list[Integers] = []
    for column in columns:
        base = int(column.min(initial=0))
        width = int(column.max(initial=0)) - base + 1
        combined = number * width + (column - base)
        size = width * (len(found[0]) if found else 1)
        if size <= 4 * rows + 1_000:
            seen = np.flatnonzero(np.bincount(combined, minlength=size))
            place = np.zeros(size, np.int64)
            place[seen] = np.arange(seen.size)
            number = place[combined]
        else:
            seen, number = np.unique(combined, return_inverse=True)
        found = [values[seen // width] for values in found] + [seen % width + base]
    return found, number


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
