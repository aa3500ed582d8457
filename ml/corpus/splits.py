"""Splits by patient: no one's ECGs are on two sides."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SPLITS = ("train", "validation", "test")


def split_by_patient(patients: Sequence[str], seed: int, fractions: tuple[float, float, float]) -> NDArray[np.str_]:
    """Give each row's split; all rows of a patient share one.

    Patients are ordered by a seeded hash and dealt by cumulative share, so the split does not depend on the order
    of rows. With three patients or more no split is empty.
    """
    distinct = sorted(set(patients), key=lambda patient: hashlib.sha256(f"{seed}:{patient}".encode()).digest())
    n = len(distinct)
    first = round(n * fractions[0])
    second = round(n * (fractions[0] + fractions[1]))
    if n >= len(SPLITS):
        first = min(max(first, 1), n - 2)
        second = min(max(second, first + 1), n - 1)
    side = {
        patient: SPLITS[0] if i < first else SPLITS[1] if i < second else SPLITS[2]
        for i, patient in enumerate(distinct)
    }
    return np.array([side[patient] for patient in patients])
