"""How often readers' labels are likely wrong, beside what the ECGs that they read would let expect of anybody."""

from typing import NamedTuple

import numpy as np
from scipy.special import gammaincinv

from ml.audit.evidence import LIKELY_WRONG, judged, weigh
from ml.audit.learned import Learned
from ml.audit.readings import Blocks, Bools, Counts, Readings, Reals

LIKELY = (0.001, 0.003, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.98, 0.99, 0.997, 0.999)
"""Where the strata of a label's ECGs meet: by the probability that an expert asserts it,"""
DOUBT = (0.03, 0.1, 0.3, 1.0)
"""and by how many labels of the ECG, this one left out, the model would get wrong if it took the likelier value."""
STRATA = (len(DOUBT) + 1) * (len(LIKELY) + 1)
WORTH = 20.0
"""Readings that the rate of a label is worth in a range of the probability, and the rate of that range in a stratum."""


class ReaderRates(NamedTuple):
    """Likely errors of readers, arrays (readers,).

    `readings` are over-reads. `flagged` are labels likely wrong, `expected` is how many all others would have on ECGs
    that are as difficult. `ratio` is flagged / expected, with a 95 % interval.
    """

    readings: Counts
    flagged: Counts
    expected: Reals
    ratio: Reals
    low: Reals
    high: Reals


def rate_readers(blocks: Blocks, learned: Learned, readers: int) -> ReaderRates:
    """Compare each reader with all others on ECGs of the same difficulty (indirect standardisation). Reads twice.

    A stratum is a label, a range of the probability that an expert asserts it, and a range of the doubt about the rest
    of the ECG. The labels of one ECG are not independent, so the interval, which is that of a Poisson count, is widened
    by how much the counts of ECGs scatter. Memory: 16 bytes a reader and stratum.
    """
    labels = len(learned.readings)
    shape = (readers, labels, STRATA)
    number, flagged = np.zeros(shape), np.zeros(shape)
    readings = np.zeros(readers, np.int64)
    for block in blocks():
        readings += np.bincount(block.reader, minlength=readers)
        chosen, stratum, wrong = _judged(block, learned)
        row, label = np.nonzero(chosen)
        place = np.ravel_multi_index((block.reader[row], label, stratum[chosen]), shape)
        number += np.bincount(place, minlength=number.size).reshape(shape)
        flagged += np.bincount(place, wrong[chosen], minlength=number.size).reshape(shape)
    expected, found = np.zeros(readers), flagged.sum(axis=(1, 2))
    all_number, all_flagged = number.sum(axis=0), flagged.sum(axis=0)
    for reader in range(readers):  # in place of its numbers: the rates of all others
        rate = _rates(all_number - number[reader], all_flagged - flagged[reader])
        expected[reader] = (number[reader] * rate).sum()
        number[reader] = rate
    scatter = np.zeros(readers)
    for block in blocks():
        chosen, stratum, wrong = _judged(block, learned)
        usual = number[block.reader[:, None], np.arange(labels), stratum]
        difference = np.where(chosen, wrong - usual, 0.0).sum(axis=1)
        scatter += np.bincount(block.reader, difference**2, minlength=readers)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = found / expected
        spread = np.maximum(1.0, scatter / expected)
        low = np.where(found > 0, gammaincinv(found / spread, 0.025), 0.0) * spread / expected
        high = gammaincinv(found / spread + 1, 0.975) * spread / expected
    return ReaderRates(readings, found.astype(np.int64), expected, ratio, low, high)


def stratum_of(block: Readings) -> Counts:
    """Return the stratum of each label of some ECGs, (n, labels)."""
    doubt = np.nan_to_num(np.minimum(block.probability, 1 - block.probability))
    elsewhere = doubt.sum(axis=1, keepdims=True) - doubt
    likely = np.searchsorted(LIKELY, np.nan_to_num(block.probability), side="right")
    stratum: Counts = likely * (len(DOUBT) + 1) + np.searchsorted(DOUBT, elsewhere, side="right")
    return stratum


def _judged(block: Readings, learned: Learned) -> tuple[Bools, Counts, Reals]:
    """Return which labels are judged, the stratum of each, and whether it is likely wrong; each (n, labels)."""
    wrong = weigh(block, learned).probability >= LIKELY_WRONG
    return judged(block, learned), stratum_of(block), wrong.astype(np.float64)


def _rates(number: Reals, flagged: Reals) -> Reals:
    """Return how often the labels of a stratum are likely wrong, (labels, STRATA); few are drawn to those around."""
    ranges = (len(number), len(LIKELY) + 1, len(DOUBT) + 1)
    number, flagged = number.reshape(ranges), flagged.reshape(ranges)
    rate = flagged.sum(axis=(1, 2), keepdims=True) / np.maximum(number.sum(axis=(1, 2), keepdims=True), 1)
    rate = (flagged.sum(axis=2, keepdims=True) + WORTH * rate) / (number.sum(axis=2, keepdims=True) + WORTH)
    rates: Reals = (flagged + WORTH * rate) / (number + WORTH)
    return rates.reshape(len(number), STRATA)
