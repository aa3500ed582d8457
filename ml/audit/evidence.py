"""How strongly the evidence speaks against each signed label: the probability that it is wrong."""

from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit

from ml.audit.learned import Learned
from ml.audit.readings import Bools, Readings, Reals

LIKELY_WRONG = 0.5
"""From here on a label is more probably wrong than right, if what was learned holds."""
LEAST = 1e-4
"""No piece of evidence is taken for more certain than this."""


class Evidence(NamedTuple):
    """What speaks against readings, each (n, labels), as log odds that the label is wrong; positive speaks against it.

    `before`: what is known without looking; -∞ where the over-read is not clear about the label.
    """

    before: Reals
    model: Reals
    others: Reals
    earlier: Reals

    @property
    def probability(self) -> Reals:
        """That the label is wrong, (n, labels): 0 where the over-read is not clear."""
        total: Reals = expit(self.before + self.model + self.others + self.earlier)
        return total


def weigh(block: Readings, learned: Learned) -> Evidence:
    """Return what speaks against each label of some readings.

    Before anything is known of a label, the odds that it is wrong are those of all signed labels, which confident
    learning estimates. Each piece of evidence multiplies them: the model by its odds that an expert says the other
    thing, or where there is no model how common the label is; another reading by how much more often it says what it
    does where a reading says the other thing. They are taken to err independently of each other.
    """
    said = block.asserted
    sign = np.where(said, -1.0, 1.0)  # what speaks for the label speaks against a reading that does not assert it
    rare = logit(learned.rate)
    expected = np.where(judged(block, learned), block.probability, learned.prevalence)
    model = sign * logit(np.clip(expected, LEAST, 1 - LEAST))
    present, absent = _of_truth(learned.others)
    others = block.others_for * present + block.others_against * absent
    present, absent = _of_truth(learned.earlier)
    earlier = np.where(block.earlier == 1, present, 0.0) + np.where(block.earlier == 0, absent, 0.0)
    return Evidence(np.where(block.counts, rare, -np.inf), model, sign * others, sign * earlier)


def judged(block: Readings, learned: Learned) -> Bools:
    """Return where the model has a word on a clear reading, (n, labels)."""
    found: Bools = block.modelled & learned.enough
    return found


def _of_truth(asserts: Reals) -> tuple[Reals, Reals]:
    """Return the log odds for the label of another reading that asserts it, and of one that does not, (labels,)."""
    without, having = np.clip(asserts, LEAST, 1 - LEAST).T
    return np.log(having / without), np.log((1 - having) / (1 - without))
