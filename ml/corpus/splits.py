"""Splits by patient: no one's ECGs are on two sides."""

import hashlib
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SPLITS = ("train", "validation", "test")
FRACTIONS = (0.64, 0.16, 0.20)  # the paper's: 80 % development, of which 80 % train


def split_by_patient(
    patients: Sequence[str], seed: int, fractions: tuple[float, float, float] = FRACTIONS
) -> NDArray[np.str_]:
    """Give each row's split; all rows of a patient share one.

    Patients are ordered by a seeded hash and dealt by cumulative share: the split follows from seed and patients
    alone, not from the order of the rows, and the shares of patients are exact. Where there are enough patients no
    split is empty whose share is not. Given record numbers instead of patients, it splits as the paper did.

    Parameters
    ----------
    patients
        One key a row.
    fractions
        Shares of the patients for train, validation and test; they add up to 1.

    Returns
    -------
    (rows,) of "train", "validation" or "test".
    """
    if min(fractions) < 0 or not math.isclose(sum(fractions), 1, abs_tol=1e-6):
        raise ValueError(f"the fractions of a split add up to 1 and none is negative: {fractions}")
    distinct = sorted(set(patients), key=lambda patient: hashlib.sha256(f"{seed}:{patient}".encode()).digest())
    side: dict[str, str] = {}
    for name, size in zip(SPLITS, _sizes(len(distinct), fractions), strict=True):
        side.update(dict.fromkeys(distinct[len(side) : len(side) + size], name))
    return np.array([side[patient] for patient in patients], dtype=f"<U{max(map(len, SPLITS))}")


def _sizes(patients: int, fractions: tuple[float, float, float]) -> list[int]:
    """Deal by cumulative share, then let the largest split give to those that rounding left empty."""
    ends = [round(patients * sum(fractions[: k + 1])) for k in range(len(fractions))]
    sizes = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    for k, fraction in enumerate(fractions):
        largest = max(range(len(sizes)), key=sizes.__getitem__)
        if fraction > 0 and sizes[k] == 0 and sizes[largest] > 1:
            sizes[largest] -= 1
            sizes[k] += 1
    return sizes
