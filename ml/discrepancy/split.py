"""Which pairs are held out, and the folds of the others: always by patient, and later in time where times are known."""

import hashlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

HELD_OUT_SHARE = 0.25
FOLDS = 5
TIMES_KNOWN = 0.9  # the share of pairs that must have a time, for the held-out ones to be later ones


class Parts(NamedTuple):
    """Rows of pairs: to fit on, held out, and neither; `held_out_from` where the held-out ones are later."""

    fitted: NDArray[np.int64]
    held_out: NDArray[np.int64]
    left_out: int
    held_out_from: np.datetime64 | None


def split(
    patients: NDArray[np.str_], recorded_at: NDArray[np.datetime64], may_be_held_out: NDArray[np.bool_], seed: int
) -> Parts:
    """Hold out about a quarter of the pairs whose patients may be, all (n,).

    Where times are known a moment is chosen: held out are the pairs from then on of patients without an earlier one.
    Later pairs of other patients are in neither part: with them the fitted ones would be as late as the held-out ones.
    Elsewhere patients are drawn by a hash of `seed`.
    """
    timed = ~np.isnat(recorded_at)
    if timed.mean() < TIMES_KNOWN or len(np.unique(recorded_at[timed])) < 2:
        return _by_patient(patients, may_be_held_out, seed)
    _, of_row = np.unique(patients, return_inverse=True)
    late = np.where(timed, recorded_at.astype("datetime64[us]").astype(np.int64), np.iinfo(np.int64).min)
    first = np.full(of_row.max() + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, of_row, late)
    newcomers = may_be_held_out & timed
    candidates = np.sort(first[of_row][newcomers])
    if not len(candidates):
        return _by_patient(patients, may_be_held_out, seed)
    since = candidates[-max(1, round(HELD_OUT_SHARE * len(candidates)))]
    held_out = newcomers & (first[of_row] >= since)
    fitted = late < since
    if not fitted.any():
        return _by_patient(patients, may_be_held_out, seed)
    left_out = int((~held_out & ~fitted).sum())
    return Parts(np.flatnonzero(fitted), np.flatnonzero(held_out), left_out, np.datetime64(int(since), "us"))


def _by_patient(patients: NDArray[np.str_], may_be_held_out: NDArray[np.bool_], seed: int) -> Parts:
    held_out = may_be_held_out & (_share(patients, f"{seed}/held out/") < HELD_OUT_SHARE)
    return Parts(np.flatnonzero(~held_out), np.flatnonzero(held_out), 0, None)


def folds(patients: NDArray[np.str_], seed: int) -> NDArray[np.int64]:
    """Return the fold of each pair, (n,), 0 to `FOLDS` - 1; all pairs of a patient have the same."""
    return (_share(patients, f"{seed}/fold/") * FOLDS).astype(np.int64)


def _share(patients: NDArray[np.str_], salt: str) -> NDArray[np.float64]:
    """Return a number in [0, 1) for each patient, by a hash."""
    distinct, of_row = np.unique(patients, return_inverse=True)
    digests = b"".join(hashlib.sha256(f"{salt}{patient}".encode()).digest()[:8] for patient in distinct)
    shares: NDArray[np.float64] = (np.frombuffer(digests, ">u8").astype(np.float64) / 2**64).clip(max=1 - 1e-9)
    return shares[of_row]
