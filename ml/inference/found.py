"""What is found where a path leads: windows, or why there are none."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Record:
    """Windows of a record, (k, 12, samples); `first` is the number of the first one in the record.

    `machine` is the machine's report where the record's file holds one.
    """

    name: str
    windows: NDArray[np.float32]
    first: int = 0
    machine: str | None = None


@dataclass(frozen=True)
class Unread:
    """Something that gave no windows, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Skipped:
    """The files of a folder that are no ECGs."""

    folder: str
    names: tuple[str, ...]
