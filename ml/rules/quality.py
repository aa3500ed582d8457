"""Whether a window can be read by rules, and why not."""

import numpy as np
from numpy.typing import NDArray

from ml.formats.recording import LEADS, Reason
from ml.measurements.beats import Beats, Signal

FEWEST_BEATS = 3
LEAST_LIKENESS = 0.6  # of the median beat with the template; noise has less
_FLAT = 1e-6  # of the largest lead


def bad_leads(window: Signal) -> tuple[Reason, ...]:
    """Return why a window, (12, n), cannot be measured: leads without a signal, or with missing samples."""
    missing = np.asarray(np.isnan(window.sum(axis=1)) | np.isinf(window.sum(axis=1)))
    if missing.any():
        return (_leads("not_finite", "missing or infinite samples in", missing),)
    size = window.std(axis=1)
    flat = np.asarray(size <= _FLAT * size.max())
    return (_leads("constant_lead", "no signal (a constant) in", flat),) if flat.any() else ()


def no_rhythm(beats: Beats) -> tuple[Reason, ...]:
    """Return why the beats of a window are not ones to be read: too few, or unlike each other."""
    if len(beats.at) < FEWEST_BEATS:
        return (Reason("too_few_beats", f"{len(beats.at)} QRS complexes found, {FEWEST_BEATS} are needed"),)
    if np.median(beats.likeness) < LEAST_LIKENESS:
        return (Reason("noise", "no two QRS complexes are alike: noise, or no ECG"),)
    return ()


def _leads(code: str, detail: str, which: NDArray[np.bool_]) -> Reason:
    return Reason(code, f"{detail} {', '.join(np.array(LEADS)[which])}")
