"""Which labels the two readings of each simulated pair have: drawn without replacement, so that the counts come out.

Labels that belong together share an urn of joint outcomes; each urn holds exactly one ball a pair, and a pair takes one
from each. How a label's flips are shared out among its partners (a flutter added where a fibrillation is removed) is
assumed, clinically plausible and not in the paper; the sums are the ledger's.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml.corpus.simulator.ledger import LABELS, STUDIES, Ledger

Masks = NDArray[np.int64]  # bit i is LABELS[i]
CHUNK = 10_000  # pairs drawn at a time; part of what a seed means
WITH_RBBB = 0.2  # of the pairs whose over-read adds RVH, this share has RBBB besides

_BIT = {label: 1 << i for i, label in enumerate(LABELS)}


class _Group(NamedTuple):
    """Labels of one urn. Labels are letters here; counts are of 2,030,000 pairs.

    `overlaps`: machine readings with two of them; else the machine says one at most. `flips`: machine reading,
    over-read and how often. Flips that are left are of one label, in machine readings in the order of `alone`.
    """

    letters: Mapping[str, str]
    overlaps: Mapping[str, int]
    flips: Sequence[tuple[str, str, int]]
    alone: Mapping[str, Sequence[str]]


_GROUPS = (
    _Group(  # one rhythm in 99 of 100; the rest is paroxysmal, or fibrillation and flutter
        {"S": "sinus_rhythm", "A": "afib", "F": "aflutter"},
        {},
        [
            ("A", "F", 6_500),
            ("S", "F", 3_800),
            ("A", "S", 6_300),
            ("S", "A", 4_600),
            ("F", "A", 1_700),
            ("F", "S", 1_500),
            ("", "S", 20_000),
            ("", "F", 2_500),
            ("", "A", 1_800),
            ("A", "AF", 4_200),
        ],
        {"S": ["A", "", "F"], "A": ["S", "F", ""], "F": ["A", "S", ""]},
    ),
    _Group(  # a left bundle branch block leaves nothing to be said of the anterior wall
        {"R": "rbbb", "L": "lbbb", "N": "anterior_mi"},
        {"RN": 18_000, "LN": 2_600},
        [("N", "L", 4_500), ("LN", "L", 1_800), ("RN", "R", 4_000), ("R", "L", 300), ("L", "R", 250)],
        {"R": ["", "N"], "L": ["", "N"], "N": ["", "R"]},
    ),
    _Group(  # the right ventricle turns the axis; an extreme axis is often first read as left or right
        {"D": "lad", "E": "rad", "Q": "rsad", "V": "rvh"},
        {"DV": 500, "EV": 6_000, "QV": 300},
        [
            ("E", "EV", 5_500),
            ("", "EV", 7_000),
            ("EV", "E", 500),
            ("D", "Q", 1_300),
            ("E", "Q", 1_500),
            ("D", "E", 200),
        ],
        {"D": [""], "E": ["", "V"], "Q": [""], "V": ["", "E", "D"]},
    ),
    _Group(  # posterior infarcts mostly belong to an inferior one
        {"I": "inferior_mi", "P": "posterior_mi"},
        {"IP": 5_000},
        [("I", "IP", 13_500), ("", "IP", 3_000), ("IP", "I", 1_200)],
        {"I": [""], "P": ["", "I"]},
    ),
    _Group({"H": "lvh"}, {}, [], {"H": [""]}),
)


def draw(ledger: Ledger, pairs: int, rng: np.random.Generator) -> Iterator[tuple[Masks, Masks]]:
    """Draw the machine's and the over-read's labels of `pairs` pairs, a chunk at a time; memory does not grow."""
    urns = [_Urn(_outcomes(group, ledger, pairs)) for group in _GROUPS]
    rvh, rbbb = _BIT["rvh"], _BIT["rbbb"]
    for start in range(0, pairs, CHUNK):
        size = min(CHUNK, pairs - start)
        drawn = [urn.draw(size, rng) for urn in urns]
        axis, conduction = drawn[2], drawn[1]
        _bring_together((axis[1] & ~axis[0] & rvh) != 0, conduction, (conduction[0] & conduction[1] & rbbb) != 0, rng)
        machine = np.bitwise_or.reduce([masks[0] for masks in drawn])
        overread = np.bitwise_or.reduce([masks[1] for masks in drawn])
        yield machine, overread


class _Urn:
    def __init__(self, outcomes: Mapping[tuple[int, int], int]) -> None:
        self._masks: Masks = np.array(list(outcomes), np.int64).T  # (2, outcomes)
        self._left = np.array(list(outcomes.values()), np.int64)

    def draw(self, size: int, rng: np.random.Generator) -> Masks:
        """Take `size` balls out; (2, size)."""
        taken = rng.multivariate_hypergeometric(self._left, size, method="marginals")
        self._left -= taken
        order = rng.permutation(np.repeat(np.arange(len(taken)), taken))
        return self._masks[:, order]


def _bring_together(
    where: NDArray[np.bool_], masks: Masks, wanted: NDArray[np.bool_], rng: np.random.Generator
) -> None:
    """Swap outcomes of one urn between pairs, so that a share of the pairs in `where` has a wanted one."""
    takers, givers = np.flatnonzero(where & ~wanted), np.flatnonzero(wanted & ~where)
    count = min(len(givers), int(rng.binomial(len(takers), WITH_RBBB)))
    takers, givers = rng.permutation(takers)[:count], rng.permutation(givers)[:count]
    masks[:, takers], masks[:, givers] = masks[:, givers], masks[:, takers]


def _outcomes(group: _Group, ledger: Ledger, pairs: int) -> Counter[tuple[int, int]]:
    """Count the joint outcomes (machine, over-read) of a group, so that every label's sums are the ledger's."""
    rows = {letter: ledger[label] for letter, label in group.letters.items()}
    free = _machine_readings(group, {letter: row.machine for letter, row in rows.items()}, pairs)
    added = {letter: row.added for letter, row in rows.items()}
    removed = {letter: row.removed for letter, row in rows.items()}
    outcomes: Counter[tuple[str, str]] = Counter()

    def take(machine: str, overread: str, wanted: int) -> None:
        flips = [added[letter] for letter in overread if letter not in machine]
        flips += [removed[letter] for letter in machine if letter not in overread]
        count = min(wanted, free[machine], *flips)
        outcomes[machine, overread] += count
        free[machine] -= count
        for letter in set(machine) ^ set(overread):
            (added if letter in overread else removed)[letter] -= count

    for machine, overread, wanted in group.flips:
        take(machine, overread, wanted * pairs // STUDIES)
    for letter in group.letters:
        for machine in group.alone[letter]:
            take(machine, "".join(sorted(machine + letter, key=[*group.letters].index)), pairs)
        for machine in [reading for reading in free if letter in reading]:
            take(machine, machine.replace(letter, ""), pairs)
    if any(added.values()) or any(removed.values()):
        raise ValueError(f"{pairs:,} pairs are too few to share out Table A.1's flips")
    for machine, count in free.items():
        outcomes[machine, machine] += count

    def mask(letters: Iterable[str]) -> int:
        return sum(_BIT[group.letters[letter]] for letter in letters)

    return Counter({(mask(m), mask(o)): count for (m, o), count in outcomes.items() if count})


def _machine_readings(group: _Group, positive: Mapping[str, int], pairs: int) -> dict[str, int]:
    """Count the machine's readings: those with two labels, with one, and with none."""
    free = {both: count * pairs // STUDIES for both, count in group.overlaps.items()}
    for letter, count in positive.items():
        free[letter] = count - sum(n for both, n in free.items() if letter in both)
    free[""] = pairs - sum(free.values())
    if min(free.values()) < 0:
        raise ValueError(f"{pairs:,} pairs are too few to share out Table A.1's readings")
    return free
