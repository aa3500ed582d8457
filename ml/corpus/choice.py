"""Which windows a run learns from: a share of the labelled ones, and those of an unlabelled dataset."""

import hashlib
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ml.corpus.store import Store


def share_of_patients(patients: Sequence[str], share: float, seed: int) -> NDArray[np.bool_]:
    """Return which rows belong to a share of the patients. A larger share includes every smaller one.

    The choice follows from patients and seed alone, not from the order of the rows.
    """
    distinct = sorted(set(patients), key=lambda patient: hashlib.sha256(f"share:{seed}:{patient}".encode()).digest())
    chosen = set(distinct[: math.ceil(share * len(distinct))])
    return np.array([patient in chosen for patient in patients], bool)


def labelled_rows(store: Store, share: float, seed: int) -> NDArray[np.int64]:
    """Return the rows of the training split that belong to a share of its patients."""
    rows = store.rows("train")
    return rows[share_of_patients(store.column("patient")[rows].tolist(), share, seed)]


def unlabelled_rows(other: Store, labelled: Store, share: float, seed: int) -> NDArray[np.int64]:
    """Return the rows of the unlabelled dataset to learn from.

    Patients in the validation or test split of the labelled dataset are left out: a model must not have seen the
    patients it is measured on, not even without their labels.
    """
    held = set(labelled.column("patient")[labelled.column("split") != "train"].tolist())
    patients = other.column("patient").tolist()
    free = np.array([patient not in held for patient in patients], bool)
    return np.flatnonzero(free & share_of_patients(patients, share, seed))
