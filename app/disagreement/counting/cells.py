"""What cells are, read once by each process: a cell never changes."""

import threading
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.disagreement.counting import queries
from app.disagreement.statistics import Masks

Integers = NDArray[np.int64]
_COLUMNS = 5  # four masks, and why it is left out


class Cells(NamedTuple):
    """Cells in an order that was asked for; `left_out`: why pairs of a cell are not compared, 0 where they are."""

    masks: Masks
    left_out: Integers


class CellBook:
    """Cells by id: some tens of bytes for each distinct combination there has ever been."""

    def __init__(self) -> None:
        self._cells = np.zeros((0, _COLUMNS), np.int64)
        self._known = np.zeros(0, np.bool_)
        self._lock = threading.Lock()

    def read(self, session: Session, cell_ids: Integers) -> Cells:
        """Return these cells, in their order; read from the database those not seen yet."""
        with self._lock:
            size = int(cell_ids.max(initial=-1)) + 1
            if size > len(self._known):
                grown = 2 * size
                self._cells = np.concatenate([self._cells, np.zeros((grown - len(self._cells), _COLUMNS), np.int64)])
                self._known = np.concatenate([self._known, np.zeros(grown - len(self._known), np.bool_)])
            missing = np.unique(cell_ids[~self._known[cell_ids]])
        # not locked while the database is asked: two that ask for the same cells get the same
        found = queries.cells(session, missing.tolist()) if missing.size else None
        with self._lock:
            if found is not None:
                self._cells[found[:, 0]] = found[:, 1:]
                self._known[found[:, 0]] = True
            *masks, left_out = self._cells[cell_ids].T
            return Cells(Masks(*masks), left_out)
