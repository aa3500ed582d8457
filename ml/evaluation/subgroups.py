"""Among whom a model is measured apart: by sex, age band and site."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml.corpus.store import Store
from ml.evaluation.metrics import Bools

MIN_PATIENTS = 5  # of either class, for a figure of a subgroup
AGE_BANDS = ((0, 18), (18, 40), (40, 60), (60, 80), (80, None))
SITES = 20  # the largest; the others are one group


class Subgroup(NamedTuple):
    """Some of the rows: `members` is (rows,)."""

    attribute: str
    name: str
    members: Bools


def subgroups(store: Store, rows: NDArray[np.int64]) -> Iterator[Subgroup]:
    """Return the subgroups that there are among some rows. What is known of no row divides nothing and is left out."""
    for attribute, names in (
        ("sex", _known(store.column("sex")[rows])),
        ("age", _age_bands(store.column("age")[rows].astype(np.float64))),
        ("site", _largest(_known(store.column("site")[rows]))),
    ):
        present = sorted(set(names.tolist()) - {"unknown"})
        if present:
            for name in [*present, *(["unknown"] if "unknown" in names else [])]:
                yield Subgroup(attribute, name, names == name)


def _known(values: NDArray[np.object_]) -> NDArray[np.str_]:
    return np.array(["unknown" if value is None else str(value) for value in values])


def _age_bands(ages: NDArray[np.float64]) -> NDArray[np.str_]:
    names = np.full(len(ages), "unknown", dtype="<U16")
    for low, high in AGE_BANDS:
        name = f"{low} and over" if high is None else f"{low:02} to under {high}"
        names[(ages >= low) & (ages < (np.inf if high is None else high))] = name
    return names


def _largest(sites: NDArray[np.str_]) -> NDArray[np.str_]:
    distinct, counts = np.unique(sites, return_counts=True)
    if len(distinct) <= SITES:
        return sites
    kept = distinct[np.argsort(-counts, kind="stable")[:SITES]]
    return np.where(np.isin(sites, kept) | (sites == "unknown"), sites, "other sites")
