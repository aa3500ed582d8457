"""`python -m ml.labeling < REPORTS.jsonl > LABELS.jsonl`: a line for each report with its labels' statuses."""

import sys

from ml.labeling.lines import extracted, read
from ml.labeling.shipped import builtin_labeler


def main() -> None:
    """Read `{"id", "text"}` from standard input, write what `ml.labeling.lines.extracted` says."""
    labeler = builtin_labeler()
    for report in read(sys.stdin.buffer):
        sys.stdout.write(extracted(labeler, report) + "\n")


if __name__ == "__main__":
    main()
