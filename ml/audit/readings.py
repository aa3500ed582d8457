"""What is known of signed readings, label by label, in blocks of ECGs: memory does not grow with the archive."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Counts = NDArray[np.int64]
Reals = NDArray[np.float64]

NO_EARLIER = -1


@dataclass(frozen=True, eq=False)
class Readings:
    """Signed over-reads of n ECGs.

    Attributes
    ----------
    probability
        (n, labels): that an expert asserts the label, by a model fitted without the ECG's patient; NaN where there is
        none.
    asserted
        (n, labels): whether the over-read asserts the label.
    counts
        (n, labels): whether the over-read is clear about it: a hedged label is neither right nor wrong.
    others_for, others_against
        (n, labels): how many other readers of the same ECG assert the label, and how many do not.
    earlier
        (n, labels): whether the patient's last earlier over-read asserts it: 1, 0, or `NO_EARLIER`.
    reader
        (n,): the number of the reader, 0 where nobody is named.
    """

    probability: Reals
    asserted: Bools
    counts: Bools
    others_for: Counts
    others_against: Counts
    earlier: Counts
    reader: Counts

    @classmethod
    def of(cls, probability: Reals, asserted: Bools, counts: Bools | None = None, **known: Counts) -> "Readings":
        """Return readings of which nothing is known but what is given."""
        none = np.zeros(asserted.shape, np.int64)
        return cls(
            probability=probability,
            asserted=asserted,
            counts=np.ones(asserted.shape, bool) if counts is None else counts,
            others_for=known.get("others_for", none),
            others_against=known.get("others_against", none),
            earlier=known.get("earlier", none + NO_EARLIER),
            reader=known.get("reader", np.zeros(len(asserted), np.int64)),
        )

    @property
    def modelled(self) -> Bools:
        """(n, labels): where the model can be asked about a clear reading."""
        return self.counts & np.isfinite(self.probability)


Blocks = Callable[[], Iterable[Readings]]
"""Returns the readings of an archive in blocks, from the first one on each time that it is called."""
