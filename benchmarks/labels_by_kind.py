"""`python -m benchmarks.labels_by_kind [--misses] [FILE …]`: how many made reports of each kind are read right.

Reads `tests/ml/labeling/blind/*.txt`, a kind a file, in rounds (`# round 2`); "!" marks what is known to be missed. A
report is right by three classes (present, uncertain, neither) of every label, as the gold is scored, and by all four
statuses. In the folder of another revision, with this file and the texts copied there, it says how that revision reads
them.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ml.labeling import Labeler, builtin

TEXTS = Path(__file__).resolve().parents[1] / "tests/ml/labeling/blind"
SIGNS = {"present": "+", "uncertain": "?", "negated": "-", "historical": "~"}


class Case(NamedTuple):
    """A made report of a kind, the round it was written in, and its statuses: "+lvh", "?afib"."""

    kind: str
    round: str
    text: str
    right: frozenset[str]


def cases(files: list[Path]) -> Iterator[Case]:
    """Yield the reports of files of `text => statuses`, a report a line."""
    for file in files:
        number = "1"
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.startswith("# round "):
                number = line.removeprefix("# round ")
            elif "=>" in line and not line.startswith("#"):
                text, statuses = line.removeprefix("! ").rsplit("=>", 1)
                yield Case(file.stem, number, text.strip().replace(" ⏎ ", "\n"), frozenset(statuses.split()))


def asserted(statuses: frozenset[str]) -> frozenset[str]:
    """Return what is present or uncertain."""
    return frozenset(status for status in statuses if status[0] in "+?")


def main() -> None:
    """Print a line a kind and round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--misses", action="store_true", help="print each report that is read wrong")
    arguments = parser.parse_args()
    labeler = Labeler(builtin())
    counts: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for case in cases(arguments.files or sorted(TEXTS.glob("*.txt"))):
        read = frozenset(SIGNS[found.status] + found.label for found in labeler.read(case.text).findings)
        count = counts[case.kind, case.round]
        count[0] += 1
        count[1] += asserted(read) == asserted(case.right)
        count[2] += read == case.right
        if arguments.misses and read != case.right:
            mark = " " if asserted(read) == asserted(case.right) else "*"
            right, wrong = " ".join(sorted(case.right - read)), " ".join(sorted(read - case.right))
            print(f"{mark} {case.kind}: {case.text!r}: lacks {right or '-'}; has {wrong or '-'}")
    rows = [(f"{kind:16} round {number}", count) for (kind, number), count in sorted(counts.items())]
    rows.append(("all", [sum(column) for column in zip(*counts.values(), strict=True)]))
    for name, (texts, three, four) in rows:
        print(f"{name:24} {three:4} of {texts:4} by three classes, {four:4} by four statuses")


if __name__ == "__main__":
    main()
