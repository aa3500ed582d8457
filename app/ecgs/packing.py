"""A stored signal told in whole numbers that are as small as they can be without loss: they compress well.

Machines compute four of the six limb leads from two (Einthoven 1912, Goldberger 1942), so of those only what deviates
is told; and of each sample how far it is from the one before. All sums wrap around as the numbers' type does, so any
signal comes back exactly, whatever its leads.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.formats import LEADS, Recording
from ml.formats.recording import MISSING

Whole = NDArray[np.int64]

COMPUTED: dict[str, Callable[[Whole, Whole], Whole]] = {
    "III": lambda one, two: two - one,
    "aVR": lambda one, two: -(one + two) >> 1,
    "aVL": lambda one, two: (2 * one - two) >> 1,
    "aVF": lambda one, two: (2 * two - one) >> 1,
}
"""What leads I and II say of the other limb leads, rounded down."""


def packed(recording: Recording) -> tuple[np.dtype[Any], Iterator[NDArray[np.integer]]]:
    """Return the type of the numbers, int16 where the samples fit and else int32, and the 12 rows to unpack.

    To unpack a row, sum it up; to each computed lead then add what I and II say of it. What comes out are the samples,
    ADC steps of which `recording.gain` make a millivolt; the type's least number is a sample that was not recorded.
    """
    dtype = np.dtype("<i2") if _is_short(recording.samples) else np.dtype("<i4")
    return dtype, _rows(recording.samples, dtype)


def _is_short(samples: NDArray[np.int32]) -> bool:
    short = np.iinfo(np.int16)
    return all(
        (lead > short.min).all(where=lead != MISSING) and (lead <= short.max).all(where=lead != MISSING)
        for lead in samples
    )


def _rows(samples: NDArray[np.int32], dtype: np.dtype[Any]) -> Iterator[NDArray[np.integer]]:
    def whole(lead: str) -> Whole:
        row = samples[LEADS.index(lead)]
        return np.where(row == MISSING, np.iinfo(dtype).min, row).astype(np.int64)

    for lead in LEADS:
        row = whole(lead)
        if lead in COMPUTED:
            row -= COMPUTED[lead](whole("I"), whole("II"))
        yield np.diff(row, prepend=0).astype(dtype)  # it wraps around
