"""Which of a list of statements give no finding: `python -m benchmarks.unmapped_statements`. To be read by eye."""

import argparse
import re
from pathlib import Path

from ml.labeling import Labeler, builtin

SHARED = Path(__file__).resolve().parents[2] / "shared"


def main() -> None:
    """Print the statements without a finding, and how many there are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--statements", type=Path, default=SHARED / "labels/statements_public.txt")
    options = parser.parse_args()
    labeler = Labeler(builtin())
    lines = options.statements.read_text(encoding="utf-8").splitlines()
    statements = [re.sub(r"^\d+\t", "", line) for line in lines if line.strip() and not line.startswith("#")]
    unmapped = [statement for statement in statements if not labeler.read(statement).findings]
    print(*unmapped, f"{len(unmapped)} of {len(statements)} give no finding", sep="\n")


if __name__ == "__main__":
    main()
