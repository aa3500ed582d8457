"""How well identifiers are removed from reports: `python -m benchmarks.identifiers`.

Each line of the lists says what must be gone and what must stay. Every line is also tried in other clothes: in small
letters, in capitals, inside a report. Of real reports (the gold sets and PTB-XL, whose names were removed before) all
that is removed is printed, to be read by eye.
"""

import argparse
import csv
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ml.corpus.statements import StatementReader
from ml.deidentify import without_identifiers
from ml.deidentify.spans import identifiers
from ml.labeling import Labeler, builtin

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
LISTS = (SHARED / "labels/identifiers_public.jsonl", ROOT / "tests/ml/deidentify/lines.jsonl")

CLOTHES: dict[str, Callable[[str], str]] = {
    "as written": str,
    "small letters": str.lower,
    "capitals": str.upper,
    "wide blanks": lambda text: text.replace(" ", "   "),
    "inside a report": lambda text: f"Sinus rhythm. {text}\nLeft axis deviation",
    "behind a comma": lambda text: f"Sinus rhythm, {text}; LVH with strain",
    "in brackets": lambda text: f"Normal ECG ({text})",
}


def main() -> None:
    """Print recall and damage by list and clothes, then what is removed from real reports."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--misses", action="store_true", help="print the lines that were missed")
    show = parser.parse_args().misses
    print("| list | written | identifying lines clean | clinical lines unchanged |\n|---|---|--:|--:|")
    for path in LISTS:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for name, worn in CLOTHES.items():
            identifying = [row for row in rows if row["gone"]]
            missed = [row for row in identifying if not _is_clean(row, worn)]
            clinical = [worn(row["text"]) for row in rows if not row["gone"]]
            damaged = [text for text in clinical if without_identifiers(text) != text]
            clean, unchanged = len(identifying) - len(missed), len(clinical) - len(damaged)
            print(f"| {path.name} | {name} | {clean} of {len(identifying)} | {unchanged} of {len(clinical)} |")
            if show:
                print(*(f"missed: {worn(row['text'])!r}" for row in missed), sep="\n")
                print(*(f"damaged: {text!r}" for text in damaged), sep="\n")
    reader = StatementReader(labeler := Labeler(builtin()))
    for name, texts in _real_reports():
        began = time.process_time()
        removed = Counter(text[start:end] for text in texts for start, end in identifiers(text))
        each = (time.process_time() - began) / len(texts)
        print(f"\n{name}: {len(texts):,} reports, {1e6 * each:.0f} µs of CPU each; removed: {dict(removed)}")
        words = Counter(
            word
            for text in texts
            for statement in labeler.read(text).statements
            for word in labeler.normal_form(statement.text).split()
        )
        lost = Counter({word: count for word, count in words.items() if not reader.keeps(word)})
        share = lost.total() / words.total()
        print(f"not in datasets: {lost.total():,} of {words.total():,} words ({share:.2%}), most often", end=" ")
        print(", ".join(f"{word} ({count})" for word, count in lost.most_common(20)))


def _is_clean(row: dict[str, Any], worn: Callable[[str], str]) -> bool:
    kept = without_identifiers(worn(row["text"])).casefold()
    return not any(part.casefold() in kept for part in row["gone"])


def _real_reports() -> Iterator[tuple[str, list[str]]]:
    for name in ("gold_public", "gold_public_2"):
        lines = (SHARED / f"labels/{name}.jsonl").read_text(encoding="utf-8").splitlines()
        yield name, [json.loads(line)["text"] for line in lines]
    with (SHARED / "data/ptbxl/ptbxl_database.csv").open(encoding="utf-8", newline="") as file:
        yield "PTB-XL", [row["report"] for row in csv.DictReader(file)]


if __name__ == "__main__":
    main()
