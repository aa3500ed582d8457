"""Facts of millions of ECGs by a number, in about 60 bytes each."""

from array import array
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ml.formats.ecg_file import Facts

_ZERO = datetime(1970, 1, 1)  # times here are local times of a site
_SEXES: tuple[Literal["male", "female"] | None, ...] = (None, "male", "female")
_NO_PATIENT = -1


class FactsIndex:
    """The time, age, sex and patient's number of ECGs. Add all of them, `close` it, then take them one by one.

    A key that was added twice has no facts: which of them hold is not known.
    """

    def __init__(self) -> None:
        self._keys = array("Q")
        self._patients = array("q")
        self._seconds = array("d")
        self._ages = array("f")
        self._sexes = array("b")
        self._sorted: NDArray[np.uint64] = np.empty(0, np.uint64)
        self._order: NDArray[np.intp] = np.empty(0, np.intp)
        self._taken: NDArray[np.bool_] = np.empty(0, bool)

    def add(self, key: int, facts: Facts) -> None:
        """Add an ECG's facts; `patient_id` has digits alone, and a time with an offset is left out."""
        time = facts.recorded_at
        self._keys.append(key)
        self._patients.append(_NO_PATIENT if facts.patient_id is None else int(facts.patient_id))
        self._seconds.append((time - _ZERO).total_seconds() if time and time.tzinfo is None else np.nan)
        self._ages.append(np.nan if facts.age is None else facts.age)
        self._sexes.append(_SEXES.index(facts.sex))

    def close(self) -> None:
        """Sort what was added."""
        keys = np.frombuffer(self._keys, np.uint64) if self._keys else self._sorted
        self._order = np.argsort(keys, kind="stable")
        self._sorted = keys[self._order]
        self._taken = np.zeros(len(keys), bool)

    def take(self, key: int) -> Facts:
        """Return the facts of an ECG; none where it was not added, or twice."""
        first, after = (int(np.searchsorted(self._sorted, np.uint64(key), side)) for side in ("left", "right"))
        self._taken[first:after] = True
        if after - first != 1:
            return Facts()
        at = int(self._order[first])
        seconds, age, patient = self._seconds[at], self._ages[at], self._patients[at]
        return Facts(
            recorded_at=None if np.isnan(seconds) else _ZERO + timedelta(seconds=seconds),
            age=None if np.isnan(age) else round(age, 2),
            sex=_SEXES[self._sexes[at]],
            patient_id=None if patient == _NO_PATIENT else str(patient),
        )

    @property
    def left(self) -> int:
        """How many were added and not taken."""
        return int(np.count_nonzero(~self._taken))
