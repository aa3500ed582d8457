"""Distinct rows of columns of whole numbers, and sums by them."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def compact(columns: Sequence[Integers], rows: int) -> tuple[list[Integers], Integers]:
    """Return the distinct rows of some columns, a column each, and for every row which of them it is.

    Sorting a million rows takes longer than counting them; ids and months are small enough for a table.
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


def summed(columns: Sequence[NDArray[Any]], weights: NDArray[Any] | None) -> list[Integers]:
    """Return the distinct rows of some columns, a column each, and last the sum of the weights of each; without 0.

    Without weights each row counts once. The last column is one of many values, the others are of few.
    """
    rows = len(columns[-1])
    if rows == 0:
        return [np.zeros(0, np.int64)] * (len(columns) + 1)
    if _size(columns) > 8 * rows + 100_000:
        found, number = compact([each.astype(np.int64) for each in columns[:-1]], rows)
        groups, last, sums = summed_by_table([number, columns[-1]], weights)
        return [*(each[groups] for each in found), last, sums]
    return summed_by_table(columns, weights)


def summed_by_table(columns: Sequence[NDArray[Any]], weights: NDArray[Any] | None) -> list[Integers]:
    """Return what `summed` does, from a table that has a place for each combination of values."""
    bases = [int(each.min()) for each in columns]
    widths = [int(each.max()) - base + 1 for each, base in zip(columns, bases, strict=True)]
    place = columns[0].astype(np.int64)
    place -= bases[0]
    for each, base, width in zip(columns[1:], bases[1:], widths[1:], strict=True):
        place *= width
        place += each
        place -= base
    sums = np.bincount(place, weights, math.prod(widths))
    left = np.flatnonzero(sums)
    found = [sums[left].astype(np.int64)]
    for base, width in zip(reversed(bases), reversed(widths), strict=True):
        found.insert(0, left % width + base)
        left //= width
    return found


def _size(columns: Sequence[NDArray[Any]]) -> int:
    return math.prod(int(each.max()) - int(each.min()) + 1 for each in columns)
