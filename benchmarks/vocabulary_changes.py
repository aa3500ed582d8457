"""What `overread-2` reads otherwise than `overread-1` in PTB-XL: `python -m benchmarks.vocabulary_changes [--read N]`.

Prints, by label, how many findings change from which status to which, and N changes chosen by a seed, of texts that
both read: those that are unread lose all findings, and are mostly alike.
"""

import argparse
import csv
import random
from collections import Counter
from pathlib import Path

from ml.labeling import Labeler, builtin

SHARED = Path(__file__).resolve().parents[2] / "shared"
NOTHING = "nothing"

Change = tuple[str, str, str, str]
"""A label, its status by the older and by the newer vocabulary, and the text."""


def changes(texts: list[str]) -> list[Change]:
    """Return each finding that the two vocabularies give another status, once a text."""
    older, newer = Labeler(builtin("overread-1")), Labeler(builtin("overread-2"))
    found: list[Change] = []
    for text in texts:
        before = {finding.label: finding.status for finding in older.read(text).findings}
        after = {finding.label: finding.status for finding in newer.read(text).findings}
        for label in sorted(before | after):
            was, is_now = before.get(label, NOTHING), after.get(label, NOTHING)
            if was != is_now:
                found.append((label, was, is_now, text))
    return found


def main() -> None:
    """Print the table and the texts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", type=Path, default=SHARED / "data/ptbxl/ptbxl_database.csv")
    parser.add_argument("--read", type=int, default=0, help="changed texts to print")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with options.table.open(encoding="utf-8", newline="") as file:
        texts = [row["report"] for row in csv.DictReader(file)]
    changed = changes(texts)
    newer = Labeler(builtin("overread-2"))
    unread = [text for text in texts if newer.read(text).unread]
    print(f"{len(texts):,} texts, {len(changed):,} findings change, {len(unread):,} texts are unread")
    for (label, was, is_now), count in sorted(Counter(change[:3] for change in changed).items()):
        print(f"{label:14} {was:>10} -> {is_now:10} {count:6}")
    alike = set(unread)
    distinct = sorted({change for change in changed if change[3] not in alike})
    print(f"{len(distinct)} distinct changes in texts that are read")
    for label, was, is_now, text in random.Random(options.seed).sample(distinct, min(options.read, len(distinct))):
        print(f"\n{label}: {was} -> {is_now}\n  {' '.join(text.split())}")


if __name__ == "__main__":
    main()
