"""PTB-XL's report texts against its SCP codes and `heart_axis`: `python -m benchmarks.ptbxl_codes`."""

import argparse
import csv
from pathlib import Path

from benchmarks.agreement import Coded, print_agreement
from ml.archives.ptbxl import codes_of, scp_codes
from ml.labeling import Labeler, builtin

SHARED = Path(__file__).resolve().parents[2] / "shared"


def coded(row: dict[str, str]) -> Coded:
    """Give a row's text and codes."""
    codes = codes_of(scp_codes(row["scp_codes"]), row["heart_axis"])
    return Coded(row["report"], codes, [f"{code.system} {code.code}" for code in codes])


def main() -> None:
    """Print the table and the classes of disagreement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", type=Path, default=SHARED / "data/ptbxl/ptbxl_database.csv")
    parser.add_argument("--classes", type=int, default=12, help="shown a label and side")
    options = parser.parse_args()
    with options.table.open(encoding="utf-8", newline="") as file:
        reports = [coded(row) for row in csv.DictReader(file)]
    print_agreement(Labeler(builtin()), reports, options.classes)


if __name__ == "__main__":
    main()
