"""CPSC-Extra's free-text diagnoses against the SNOMED CT codes given to them: `python -m benchmarks.cpsc_extra`."""

import argparse
import csv
from pathlib import Path

from benchmarks.agreement import Coded, print_agreement
from ml.labeling import Code, Labeler, builtin

SHARED = Path(__file__).resolve().parents[2] / "shared"


def main() -> None:
    """Print the table and the classes of disagreement."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = SHARED / "data/cpsc_extra/Code_diagnosis_SEU_training_2.csv"
    parser.add_argument("--diagnoses", type=Path, default=default)
    parser.add_argument("--classes", type=int, default=12, help="shown a label and side")
    options = parser.parse_args()
    reports = []
    with options.diagnoses.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            codes = [(row[f"ID_{i}"].strip(), row[f"Term_{i}"].strip()) for i in range(1, 8) if row[f"ID_{i}"].strip()]
            shown = [f"{code} {term}" for code, term in codes]
            reports.append(Coded(row["Real_dx"], [Code("SNOMED", code) for code, _ in codes], shown))
    print_agreement(Labeler(builtin()), reports, options.classes)


if __name__ == "__main__":
    main()
