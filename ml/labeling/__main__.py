"""`python -m ml.labeling < REPORTS.jsonl > LABELS.jsonl`: the status of each label, by name, a report a line."""

import json
import sys

from ml.labeling.labeler import Labeler
from ml.labeling.reading import PRECEDENCE
from ml.labeling.vocabulary import builtin


def main() -> None:
    """Read `{"id", "text"}` from standard input, write `{"id", "present", "uncertain", "negated", "historical"}`."""
    labeler = Labeler(builtin())
    names = {label.key: label.name for label in labeler.vocabulary.labels}
    for line in sys.stdin:
        report = json.loads(line)
        findings = labeler.read(report["text"]).findings
        by_status = {status: [names[f.label] for f in findings if f.status == status] for status in PRECEDENCE}
        sys.stdout.write(json.dumps({"id": report["id"], **by_status}) + "\n")


if __name__ == "__main__":
    main()
