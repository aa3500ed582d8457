"""Which of the machine's readings may pass unread, with a bound on the changes that are missed.

A reading passes where its score (the probability that the expert changes it) is at most a threshold. The bound holds
for any number of pairs, whatever the scores are worth: bad scores only let fewer readings pass. It is Learn then Test
(Angelopoulos et al., 2021) with fixed-sequence testing. The thresholds, and which of them is tested first, come from
pairs that play no other part (out-of-fold); the held-out pairs only test. From the first threshold upwards each one is
tested for "more is missed than asked for", at the same level, until one test does not reject. The probability that any
rejected hypothesis is true is then at most 1 - level, so choosing the last one costs nothing.

Patients, not ECGs, are independent. With one ECG a patient the test is the exact binomial one (Clopper and Pearson,
1934). Otherwise it is a bet on patients: with Y = missed - limit · counted, summed over a patient's at most m ECGs, the
product of 1 - c / m · Y over patients has an expectation of at most 1 where the mean of Y is 0 or more, for each fixed
stake c in (0, 1), whatever the ECGs of a patient have to do with each other. 1 over that product is a p-value by
Markov's inequality (Waudby-Smith and Ramdas, 2024). The stake, too, is chosen on the proposing pairs. Patients need not
be alike: the geometric mean of the factors' expectations is at most their mean.
"""

import math
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

from ml.evaluation.metrics import Bools, Floats

Ints = NDArray[np.int64]

MOST_OF_A_PATIENT = 3
"""ECGs of one patient that are counted. A bet on patients is as cautious as the patient with the most ECGs demands."""
STEPS = 50
"""Thresholds that are tried: those that let 2 %, 4 %, …, 100 % of the proposing pairs pass."""
PATIENTS_TOGETHER = 20_000
STAKES = np.arange(1, 40) / 40
"""The stakes that are tried on the proposing pairs."""

Of = Literal["passed", "all", "changed"]
"""What the missed changes are a share of: readings that pass, all readings, or readings that the expert changes."""


class Readings(NamedTuple):
    """The machine's readings with what became of them: arrays of one length.

    `scores` are probabilities of a change (NaN: not known, such a reading never passes); `changed` says whether the
    expert changed the reading, `patients` whose it is, by any number.
    """

    scores: Floats
    changed: Bools
    patients: Ints

    def only(self, rows: Ints) -> "Readings":
        """Return some of the readings."""
        return Readings(self.scores[rows], self.changed[rows], self.patients[rows])


class Passing(NamedTuple):
    """What may pass, and the held-out counts behind it.

    Attributes
    ----------
    threshold
        Readings with at most this score pass; None: none may.
    readings, patients, of_a_patient
        What was counted: readings, their patients, and the most that one patient has.
    changed
        Readings that the expert changed.
    passed, missed
        Readings that pass, and those of them that the expert changed.
    needed
        Readings in the denominator that would do if no change at all were missed.
    """

    threshold: float | None
    readings: int
    patients: int
    of_a_patient: int
    changed: int
    passed: int
    missed: int
    needed: int


def few_of_each(patients: Ints, most: int = MOST_OF_A_PATIENT, seed: int = 0) -> Ints:
    """Return the rows of at most `most` readings of each patient, drawn at random, in the order of the rows."""
    order = np.random.default_rng(seed).permutation(len(patients))
    by_patient = order[np.argsort(patients[order], kind="stable")]
    sorted_patients = patients[by_patient]
    starts = np.flatnonzero(np.r_[True, sorted_patients[1:] != sorted_patients[:-1]]) if len(patients) else order
    place = np.arange(len(patients)) - np.repeat(starts, np.diff(np.r_[starts, len(patients)]))
    return np.sort(by_patient[place < most])


def p_value(counts: Ints, limit: float, stake: float) -> float:
    """Return the p-value of "missed changes are a larger share than `limit`" (below 1).

    Parameters
    ----------
    counts
        (m + 1, m + 1): patients by how many of their readings are missed changes, and how many are counted. m is the
        most that a patient has.
    stake
        Above 0, below 1, and not chosen by these counts. Not used where m is 1.
    """
    if len(counts) <= 2:
        missed, counted = np.indices(counts.shape)
        return float(bdtr(int((missed * counts).sum()), int((counted * counts).sum()), limit))
    return min(1.0, math.exp(-_growth(counts, limit, np.array([stake]))[0]))


def best_stake(counts: Ints, limit: float) -> float:
    """Return the stake with which a bet on these patients would have won most."""
    return float(STAKES[np.argmax(_growth(counts, limit, STAKES))])


def _growth(counts: Ints, limit: float, stakes: Floats) -> Floats:
    """Return the logarithms of what bets on patients (…, m + 1, m + 1) have won: (…, stake)."""
    missed, counted = np.indices(counts.shape[-2:])
    logs = np.log(1 - stakes[:, None, None] / (counts.shape[-1] - 1) * (missed - limit * counted))
    grown: Floats = np.tensordot(counts, logs, axes=((-2, -1), (1, 2)))
    return grown


def needed(limit: float, level: float, most: int) -> int:
    """Return how many readings, one a patient, would do for a test to reject if none were missed."""
    each = -math.log1p(-limit) if most <= 1 else math.log1p(STAKES[-1] * limit / most)
    return math.ceil(-math.log(1 - level) / each - 1e-9)


def passing(proposing: Readings, held_out: Readings, *, max_missed: float, level: float, of: Of = "passed") -> Passing:
    """Return the threshold under which readings may pass so that at most the share `max_missed` is missed.

    Over draws of the held-out patients, the share of missed changes (`of`) among readings like those is above
    `max_missed` with a probability of at most 1 - `level`. `proposing` are readings of other patients, or of the same
    ones at least not chosen by what became of the held-out ones. Of each patient at most `MOST_OF_A_PATIENT` count.
    """
    held_out = held_out.only(few_of_each(held_out.patients))
    patients, of_each = np.unique(held_out.patients, return_counts=True)
    most = int(of_each.max()) if len(patients) else 1
    proposing = proposing.only(few_of_each(proposing.patients, most))
    threshold = _last_rejected(proposing, held_out, most, _Asked(max_missed, 1 - level, of))
    passed = _passes(held_out.scores, threshold) if threshold is not None else np.zeros_like(held_out.changed)
    return Passing(
        threshold=threshold,
        readings=len(held_out.scores),
        patients=len(patients),
        of_a_patient=most,
        changed=int(held_out.changed.sum()),
        passed=int(passed.sum()),
        missed=int((passed & held_out.changed).sum()),
        needed=needed(max_missed, level, most),
    )


class _Asked(NamedTuple):
    limit: float
    alpha: float
    of: Of


def _last_rejected(proposing: Readings, held_out: Readings, most: int, asked: _Asked) -> float | None:
    """Return the last threshold whose test rejects, beginning with the one for which the proposing pairs speak most."""
    known = np.sort(proposing.scores[~np.isnan(proposing.scores)])
    if not len(known):
        return None
    places = np.ceil(np.arange(1, STEPS + 1) / STEPS * len(known)).astype(np.int64) - 1
    thresholds = np.unique(known[places])
    growth = _growth(_tables(thresholds, proposing, most, asked.of), asked.limit, STAKES)
    stakes = STAKES[np.argmax(growth, axis=1)]
    last = None
    tables = _tables(thresholds, held_out, most, asked.of)
    for place in range(int(np.argmax(growth.max(axis=1))), len(thresholds)):
        if p_value(tables[place], asked.limit, float(stakes[place])) > asked.alpha:
            break
        last = float(thresholds[place])
    return last


def _passes(scores: Floats, threshold: float | Floats) -> Bools:
    with np.errstate(invalid="ignore"):
        return scores <= threshold


def _tables(thresholds: Floats, readings: Readings, most: int, of: Of) -> Ints:
    """Return a table as `p_value` wants it for each threshold: (threshold, m + 1, m + 1).

    No patient has more than `most` readings. Some patients are looked at together, so that memory stays the same.
    """
    readings = readings.only(np.argsort(readings.patients, kind="stable"))
    starts = (
        np.flatnonzero(np.r_[True, np.diff(readings.patients) != 0]) if len(readings.patients) else np.empty(0, int)
    )
    ends = np.r_[starts[1:], len(readings.patients)]
    cells = (most + 1) ** 2
    offset = np.arange(len(thresholds)) * cells
    tables = np.zeros(len(thresholds) * cells, np.int64)
    for first in range(0, len(starts), PATIENTS_TOGETHER):
        own = starts[first : first + PATIENTS_TOGETHER]
        rows = slice(own[0], ends[first : first + PATIENTS_TOGETHER][-1])
        changed = readings.changed[rows, None]
        passed = _passes(readings.scores[rows, None], thresholds)
        counted = {"passed": passed, "all": np.ones_like(passed), "changed": np.broadcast_to(changed, passed.shape)}[of]
        missed_of, counted_of = (
            np.add.reduceat(each, own - own[0], axis=0, dtype=np.int64) for each in (passed & changed, counted)
        )
        tables += np.bincount((offset + missed_of * (most + 1) + counted_of).ravel(), minlength=len(tables))
    return tables.reshape(len(thresholds), most + 1, most + 1)
