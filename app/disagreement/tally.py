"""From counted cells to counts of labels, by group."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.disagreement import statistics
from app.disagreement.attributes import GROUPINGS, KNOWN, GroupKey
from app.disagreement.counting import queries
from app.disagreement.counting.cells import CellBook
from app.disagreement.counting.compact import compact
from app.disagreement.counting.selection import GroupBy, PairFilter
from app.disagreement.statistics import LEFT_OUT, LabelCounts
from app.kit.problems import invalid
from app.vocabularies.service import ReadingRules
from ml.corpus.sources import HEDGED, Hedged

MAX_GROUPS = 2_000
"""More groups are a query to be narrowed: each has a row a label."""


Integers = NDArray[np.int64]
Key = tuple[GroupKey, ...]


@dataclass(frozen=True)
class Asked:
    """A question: which pairs, what a hedge counts as, and by what they are grouped."""

    chosen: PairFilter
    hedged: Hedged = HEDGED
    group_by: tuple[GroupBy, ...] = ()


class Tally(NamedTuple):
    """What was counted, by group: `keys` in order; arrays of (group, label) and of (group,).

    `left_out` are the pairs that are not compared and counted nowhere else: (group, reason), as in `LEFT_OUT`.
    `known` says how many pairs of all groups are blinded, and validated.
    """

    keys: list[Key]
    counts: LabelCounts
    pairs: Integers
    differing: Integers
    left_out: Integers
    known: dict[str, dict[str, int]]

    def summed(self) -> "Tally":
        """Return all groups as one."""
        both, added, removed, neither = (
            getattr(self.counts, name).sum(axis=0, keepdims=True) for name in ("both", "added", "removed", "neither")
        )
        whole = LabelCounts(both=both, added=added, removed=removed, neither=neither)
        return Tally(
            [()],
            whole,
            self.pairs.sum(keepdims=True),
            self.differing.sum(keepdims=True),
            self.left_out.sum(axis=0, keepdims=True),
            self.known,
        )


def tally(session: Session, book: CellBook, rules: ReadingRules, asked: Asked) -> Tally:
    """Count the chosen pairs by group and label; raise a 422 where there are too many groups."""
    assert rules.slot is not None
    counted = queries.count_by_cell(session, rules.slot, asked.chosen, asked.group_by)
    present, group = compact(counted.groups, len(counted.cell_ids))
    size = len(present[0]) if present else 1
    if size > MAX_GROUPS:
        raise invalid(
            "query.group_by",
            f"makes {size:,} groups, and an answer holds at most {MAX_GROUPS:,}: narrow the choice",
            "too_many_groups",
        )
    (cell_ids,), cell = compact([counted.cell_ids], len(counted.cell_ids))
    masks, left_out = book.read(session, cell_ids)
    compared = counted.pairs * (left_out == 0)[cell]
    counts = statistics.count(
        masks, len(rules.vocabulary.labels), asked.hedged, cell=cell, pairs=compared, group=group, groups=size
    )
    differs = ((masks.added(asked.hedged) | masks.removed(asked.hedged)) != 0)[cell]
    by_reason = [counted.pairs * (left_out & bit > 0)[cell] for bit in LEFT_OUT.values()]
    pairs, differing, *without = (
        np.bincount(group, weights=weights, minlength=size).astype(np.int64)
        for weights in (compared, compared * differs, *by_reason)
    )
    apart = np.stack(without, axis=1)
    kinds = counted.kinds
    known = by_kind(kinds.kinds, kinds.pairs * (book.read(session, kinds.cell_ids).left_out == 0))
    if not asked.group_by:
        return Tally([()], counts, pairs, differing, apart, known)
    keys = _keys(session, asked.group_by, present)
    # a group may be all corrections that cancel out
    kept = [at for at in range(size) if pairs[at] or apart[at].any()]
    order = np.array(sorted(kept, key=lambda at: [(name is None, name) for name in keys[at]]), np.int64)
    in_order = LabelCounts(
        both=counts.both[order], added=counts.added[order], removed=counts.removed[order], neither=counts.neither[order]
    )
    return Tally([keys[at] for at in order], in_order, pairs[order], differing[order], apart[order], known)


def by_kind(kinds: Integers, pairs: Integers) -> dict[str, dict[str, int]]:
    """Return how many pairs are blinded, and validated, by what is known; `kinds` as in `Kinds`."""
    table = np.bincount(kinds, weights=pairs, minlength=len(KNOWN) ** 2).astype(np.int64).reshape(len(KNOWN), -1)
    return {
        name: dict(zip(KNOWN, table.sum(axis=axis).tolist(), strict=True))
        for name, axis in (("blinded", 1), ("validated", 0))
    }


def _keys(session: Session, group_by: Sequence[GroupBy], values: Sequence[Integers]) -> list[Key]:
    """Return what the pairs of each group have in common."""
    named = [grouping for grouping in group_by if GROUPINGS[grouping][0].name is not None]
    ids = {int(id_) for grouping, column in zip(group_by, values, strict=True) if grouping in named for id_ in column}
    names = queries.names_of(session, ids) if ids else {}
    columns = [
        [names.get(value) if grouping in named else GROUPINGS[grouping][1].shown(value) for value in column.tolist()]
        for grouping, column in zip(group_by, values, strict=True)
    ]
    return list(zip(*columns, strict=True))
