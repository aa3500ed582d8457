"""The masks of cells, read once by each process: a cell never changes."""

import threading

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.disagreement.counting import queries
from app.disagreement.statistics import Masks

Integers = NDArray[np.int64]


class CellBook:
    """Masks by cell: some tens of bytes for each distinct combination there has ever been."""

    def __init__(self) -> None:
        self._masks = np.zeros((0, 4), np.int64)
        self._known = np.zeros(0, np.bool_)
        self._lock = threading.Lock()

    def masks(self, session: Session, cell_ids: Integers) -> Masks:
        """Return the masks of these cells, in their order; read from the database those not seen yet."""
        with self._lock:
            size = int(cell_ids.max(initial=-1)) + 1
            if size > len(self._known):
                grown = 2 * size
                self._masks = np.concatenate([self._masks, np.zeros((grown - len(self._masks), 4), np.int64)])
                self._known = np.concatenate([self._known, np.zeros(grown - len(self._known), np.bool_)])
            missing = np.unique(cell_ids[~self._known[cell_ids]])
        # not locked while the database is asked: two that ask for the same cells get the same masks
        found = queries.masks(session, missing.tolist()) if missing.size else None
        with self._lock:
            if found is not None:
                self._masks[found[:, 0]] = found[:, 1:]
                self._known[found[:, 0]] = True
            return Masks(*self._masks[cell_ids].T)
