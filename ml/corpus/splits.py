"""Splits by patient: all ECGs of a patient are in one split."""

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
    """Return each row's split. All rows of a patient are in the same split.

    Patients are sorted by a seeded hash and divided by cumulative share. So the split depends on seed and patients
    only, not on the order of the rows, and the shares of patients are exact. If there are enough patients, no split
    with a share above zero is empty. With record numbers instead of patients this is the paper's split.

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
    """Divide by cumulative share, then move patients from the largest split to splits that rounding left empty."""
    ends = [round(patients * sum(fractions[: k + 1])) for k in range(len(fractions))]
    sizes = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    for k, fraction in enumerate(fractions):
        largest = max(range(len(sizes)), key=sizes.__getitem__)
        if fraction > 0 and sizes[k] == 0 and sizes[largest] > 1:
            sizes[largest] -= 1
            sizes[k] += 1
    return sizes
