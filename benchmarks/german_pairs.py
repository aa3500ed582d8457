"""Device text against expert codes on PTB-XL's German pairs: `python -m benchmarks.german_pairs [--read N]`.

Only the codes with a likelihood (blocks, hypertrophy, infarcts) can disagree: rhythm and axis were taken from the same
text. Beside the labeler stands what counting keywords would give. `--read` prints pairs to read by hand.
"""

import argparse
import csv
import random
import re
from pathlib import Path

import numpy as np

from app.disagreement.statistics import Masks as PairMasks
from app.disagreement.statistics import count, kappa
from ml.archives.ptbxl import codes_of, scp_codes
from ml.corpus.sources import HEDGED
from ml.labeling import Labeler, Masks, builtin

SHARED = Path(__file__).resolve().parents[2] / "shared"
KEYWORDS = {
    "rbbb": r"rechtsschenkelblock",
    "lbbb": r"linksschenkelblock",
    "lvh": r"linkshypertrophie|linksventrikul.re hypertrophie|lvh",
    "rvh": r"rechtshypertrophie|rechtsventrikul.re hypertrophie|rvh",
    "anterior_mi": r"(antero\w*|anterior\w*|septal\w*) (infarkt|myokardschaden)|vorderwandinfarkt",
    "inferior_mi": r"infer\w+ (infarkt|myokardschaden)|hinterwandinfarkt",
    "posterior_mi": r"poster\w+ (infarkt|myokardschaden)",
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = SHARED / "data/ptbxl/derived/ptbxl_machine_report_vs_expert_codes_1070.csv"
    parser.add_argument("--pairs", type=Path, default=default)
    parser.add_argument("--read", type=int, default=0)
    options = parser.parse_args()
    labeler = Labeler(builtin())
    keys = [label.key for label in labeler.vocabulary.labels]
    with options.pairs.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    texts = [row["machine_report"] for row in rows]
    machine = [labeler.read(text).masks() for text in texts]
    expert = [labeler.read_codes(codes_of(scp_codes(row["scp_codes"]), axis="")).masks() for row in rows]
    counted = [
        Masks(sum(1 << keys.index(key) for key, word in KEYWORDS.items() if re.search(word, text.lower())), 0, 0, 0)
        for text in texts
    ]
    print(f"{len(rows):,} pairs; hedged readings count as positive")
    print("| label | device | expert | added | removed | kappa | device, by keyword | added | removed | kappa |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    one_group = np.zeros(len(rows), np.int64)
    tables = []
    for readings in (machine, counted):
        masks = np.array([(*m[:2], *e[:2]) for m, e in zip(readings, expert, strict=True)], np.int64).T
        pairs = np.arange(len(rows))
        counts = count(
            PairMasks(*masks), len(keys), HEDGED, cell=pairs, pairs=np.ones_like(pairs), group=one_group, groups=1
        )
        tables.append((counts, kappa(counts).value[0]))
    for key in KEYWORDS:
        at = keys.index(key)
        shown = [key]
        for number, (counts, agreement) in enumerate(tables):
            columns = (*(counts.machine, counts.overread)[: 2 - number], counts.added, counts.removed)
            shown += [str(column[0, at]) for column in columns]
            shown += ["–" if np.isnan(agreement[at]) else f"{agreement[at]:.2f}"]
        print(f"| {' | '.join(shown)} |")
    for row in random.Random(1).sample(rows, options.read):
        found = labeler.read(row["machine_report"]).findings
        print(f"\n{row['ecg_id']} {' '.join(row['machine_report'].split())}\n  codes {row['scp_codes']}")
        print("  read", ", ".join(f"{f.label} {f.status} ({' '.join(f.text.split())})" for f in found))


if __name__ == "__main__":
    main()
