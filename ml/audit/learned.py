"""What an archive says of its own errors: how often a signed label is wrong, and what other readings are worth.

Confident learning (Northcutt, Jiang and Chuang 2021, sections 3.1 and 3.2) for each label, which is a class of two
values. What is learned are counts, so it takes two passes over the readings and little memory.
"""

from dataclasses import dataclass

import numpy as np

from ml.audit.readings import Blocks, Bools, Counts, Readings, Reals

LEAST_OF_A_CLASS = 20
"""Readings that assert a label, and that do not, below which the model's word on it is not used."""
RATE, WORTH = 0.02, 1000.0
"""The share of signed labels that is taken to be wrong until there are enough readings, and how many it is worth."""
RATES = 0.002, 0.2
"""The least and the largest share that is believed."""
AGREEING = 0.9, 20.0
"""What is assumed of two readings of one ECG until there are enough: they agree in so many cases, worth so many."""


@dataclass(frozen=True, eq=False)
class Learned:
    """What was learned of each label; arrays begin with an axis of labels.

    Attributes
    ----------
    readings
        (labels, 2): clear readings that do not assert the label, and that do.
    confident_from
        (labels, 2): the mean probability of not asserting among those that do not, and of asserting among those that
        do (the thresholds of equation 2).
    joint
        (labels, 2, 2): the share of readings by what they say and what is true (equation 3), each row in proportion to
        the readings.
    prevalence
        (labels,): the share of clear readings that assert the label.
    others, earlier
        (labels, 2): how often another reader of the same ECG, and the patient's last earlier over-read, asserts the
        label where the reading does not, and where it does.
    """

    readings: Counts
    confident_from: Reals
    joint: Reals
    prevalence: Reals
    others: Reals
    earlier: Reals

    @property
    def enough(self) -> Bools:
        """(labels,): whether there are enough readings of both kinds to learn from."""
        found: Bools = np.all(self.readings >= LEAST_OF_A_CLASS, axis=1)
        return found

    @property
    def errors(self) -> Reals:
        """(labels, 2): how many readings wrongly do not assert the label, and wrongly assert it; NaN: too few to say.

        It is what a model that errs itself can find, so rather too many.
        """
        found = np.stack([self.joint[:, 0, 1], self.joint[:, 1, 0]], axis=1) * self.readings.sum(axis=1)[:, None]
        return np.where(self.enough[:, None], found, np.nan)

    @property
    def rate(self) -> float:
        """The share of signed labels that are wrong, all labels together."""
        judged = self.readings[self.enough].sum()
        errors = np.nansum(self.errors)
        return float(np.clip((errors + RATE * WORTH) / (judged + WORTH), *RATES))


def learn(blocks: Blocks, labels: int) -> Learned:
    """Return what the readings say of their own errors. Reads them twice."""
    readings, clearly = np.zeros((labels, 2), np.int64), np.zeros((labels, 2))
    sums = np.zeros((labels, 2))
    beside = {"others": np.zeros((labels, 2, 2)), "earlier": np.zeros((labels, 2, 2))}
    for block in blocks():
        for said in (0, 1):
            chosen = block.modelled & (block.asserted == said)
            readings[:, said] += chosen.sum(axis=0)
            sums[:, said] += np.where(chosen, _of_class(block, said), 0.0).sum(axis=0)
            clear = block.counts & (block.asserted == said)
            clearly[:, said] += clear.sum(axis=0)
            beside["others"][:, said] += _sum(clear, block.others_against, block.others_for)
            beside["earlier"][:, said] += _sum(clear, block.earlier == 0, block.earlier == 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        confident_from = sums / readings
    counted = np.zeros((labels, 2, 2))
    for block in blocks():
        confident = confident_of(block, confident_from)
        for said in (0, 1):
            for true in (0, 1):
                chosen = block.modelled & (block.asserted == said) & (confident == true)
                counted[:, said, true] += chosen.sum(axis=0)
    return Learned(
        readings=readings,
        confident_from=confident_from,
        joint=_joint(counted, readings),
        prevalence=(clearly[:, 1] + 0.5) / (clearly.sum(axis=1) + 1),
        others=_agreement(beside["others"]),
        earlier=_agreement(beside["earlier"]),
    )


def confident_of(block: Readings, confident_from: Reals) -> Counts:
    """Return what the model is confident of, (n, labels): 0, 1, or -1 where it is not (equation 2).

    Of two values only the likelier one can be confident. Without this a label whose assertions are mostly errors has a
    threshold near 0, and readings that rightly do not assert it would count as confidently wrong.
    """
    absent, present = (_of_class(block, said) >= np.maximum(confident_from[:, said], 0.5) for said in (0, 1))
    return np.where(present, 1, np.where(absent, 0, -1))


def _of_class(block: Readings, said: int) -> Reals:
    """Return the probability of asserting the label (1), or of not asserting it (0)."""
    return block.probability if said else 1 - block.probability


def _sum(clear: Bools, against: Counts | Bools, asserting: Counts | Bools) -> Reals:
    return np.stack([(clear * against).sum(axis=0), (clear * asserting).sum(axis=0)], axis=1).astype(float)


def _joint(counted: Reals, readings: Counts) -> Reals:
    """Return the joint distribution of what is said and what is true; rows are scaled to the readings."""
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = np.nan_to_num(counted / counted.sum(axis=2, keepdims=True))
        joint: Reals = shares * readings[:, :, None] / readings.sum(axis=1)[:, None, None]
    return joint


def _agreement(counted: Reals) -> Reals:
    """Return how often the other reading asserts, given what this one says, (labels, 2); few: as `AGREEING` says."""
    agree, worth = AGREEING
    asserts: Reals = (counted[:, :, 1] + worth * np.array([1 - agree, agree])) / (counted.sum(axis=2) + worth)
    return asserts
