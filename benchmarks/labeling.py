"""How fast reports are read, and how well the public gold reports are: `python -m benchmarks.labeling`.

Two figures of speed, one core each: every sentence new to the labeler, and sentences that repeat as in an archive.
"""

import argparse
import csv
import json
import random
import time
from collections.abc import Sequence
from pathlib import Path

from ml.labeling import Labeler, builtin

SHARED = Path(__file__).resolve().parents[2] / "shared"
STATUSES = ("present", "uncertain", "negated", "historical")


def reports_per_second(labeler: Labeler, texts: Sequence[str], findings: bool = False) -> float:
    """Read texts one after the other, for their masks or for findings with their words; seconds are the core's."""
    start = time.process_time()
    for text in texts:
        reading = labeler.read(text)
        reading.findings if findings else reading.masks()
    return len(texts) / (time.process_time() - start)


def made_new(texts: Sequence[str], copies: int, seed: int) -> list[str]:
    """Copy texts so that hardly a sentence is there twice: each line and sentence gets a number of its own."""
    draw = random.Random(seed)
    return [
        "\n".join(
            ". ".join(f"{sentence} {draw.randrange(10**6)}" for sentence in line.split(". "))
            for line in text.split("\n")
        )
        for _ in range(copies)
        for text in texts
    ]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gold", type=Path, default=SHARED / "labels/gold_public.jsonl")
    parser.add_argument("--ptbxl", type=Path, default=SHARED / "data/ptbxl/ptbxl_database.csv")
    parser.add_argument("--copies", type=int, default=40)
    options = parser.parse_args()
    gold = [json.loads(line) for line in options.gold.read_text(encoding="utf-8").splitlines()]
    texts = [report["text"] for report in gold]

    start = time.perf_counter()
    labeler = Labeler(builtin())
    print(f"vocabulary read and compiled in {time.perf_counter() - start:.2f} s")
    new = made_new(texts, options.copies, seed=1)
    print(f"sentences all new      {reports_per_second(labeler, new):>9,.0f} reports/s  ({len(new):,} reports)")
    repeated = texts * options.copies
    print(f"sentences that repeat  {reports_per_second(labeler, repeated):>9,.0f} reports/s")
    print(f"  with their findings  {reports_per_second(labeler, repeated, findings=True):>9,.0f} reports/s")
    if options.ptbxl.exists():
        with options.ptbxl.open(encoding="utf-8", newline="") as file:
            archive = [row["report"] for row in csv.DictReader(file)]
        for name, chosen in (
            ("PTB-XL, once through ", archive),
            ("  its distinct ones ", list(dict.fromkeys(archive))),
        ):
            speed = reports_per_second(Labeler(builtin()), chosen)
            print(f"{name:<22} {speed:>9,.0f} reports/s  ({len(chosen):,} reports)")

    names = {label.key: label.name for label in labeler.vocabulary.labels}
    right = 0
    for report in gold:
        findings = labeler.read(report["text"]).findings
        read = {status: {names[f.label] for f in findings if f.status == status} for status in STATUSES}
        right += read == {"present": set(report["labels"]), **{s: set(report[s]) for s in STATUSES[1:]}}
    print(f"gold: {right} of {len(gold)} reports with all four statuses of every label right")


if __name__ == "__main__":
    main()
