"""What a simulated archive must show: Table A.1's counts, for any number of pairs."""

from collections.abc import Mapping
from typing import Any, NamedTuple

STUDIES = 2_030_000  # the paper says "over two million"
# machine-positive, over-read-positive, and disagreeing studies (paper, Table A.1)
TABLE_A1 = {
    "sinus_rhythm": (1_826_249, 1_848_631, 43_848),
    "rbbb": (130_380, 137_237, 10_267),
    "lbbb": (52_687, 59_449, 11_678),
    "afib": (148_971, 144_652, 25_855),
    "aflutter": (25_566, 43_071, 26_189),
    "lad": (198_282, 205_834, 12_554),
    "rad": (37_367, 50_708, 21_383),
    "rsad": (5_090, 9_019, 5_491),
    "lvh": (270_853, 315_212, 64_415),
    "rvh": (13_157, 42_192, 31_579),
    "anterior_mi": (290_263, 246_358, 114_729),
    "inferior_mi": (179_658, 179_836, 54_542),
    "posterior_mi": (7_183, 28_908, 26_035),
}
LABELS = tuple(TABLE_A1)
FEWEST = 1_000  # pairs; with fewer, the rare labels' counts are all zero


class Counts(NamedTuple):
    """One label's row. The others follow: over-read = machine + added - removed, disagreement = added + removed."""

    machine: int
    added: int
    removed: int

    @property
    def overread(self) -> int:
        """Pairs whose over-read has the label."""
        return self.machine + self.added - self.removed

    @property
    def disagreement(self) -> int:
        """Pairs whose readings differ in the label."""
        return self.added + self.removed


Ledger = Mapping[str, Counts]


def table_a1(pairs: int) -> Ledger:
    """Scale Table A.1 from 2,030,000 to `pairs`: machine, added and removed each rounded to the nearest integer."""
    if pairs < FEWEST:
        raise ValueError(f"at least {FEWEST:,} pairs")
    ledger = {}
    for label, (machine, overread, disagreement) in TABLE_A1.items():
        added, removed = (disagreement + overread - machine) // 2, (disagreement - overread + machine) // 2
        ledger[label] = Counts(*((2 * count * pairs + STUDIES) // (2 * STUDIES) for count in (machine, added, removed)))
    return ledger


def as_json(ledger: Ledger, pairs: int, seed: int) -> dict[str, Any]:
    """Return the ledger as it is written to a file."""
    rows = {
        label: {
            "machine": row.machine,
            "overread": row.overread,
            "disagreement": row.disagreement,
            "added": row.added,
            "removed": row.removed,
        }
        for label, row in ledger.items()
    }
    return {"pairs": pairs, "seed": seed, "labels": rows}
