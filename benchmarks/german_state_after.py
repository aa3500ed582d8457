"""What PTB-XL's codes say of reports with "Z. n. … Infarkt": `python -m benchmarks.german_state_after`.

The policy reads such an infarct as present where at least 80 % of these reports are coded as the same infarct, with any
likelihood. A history in the same words ("anamnestisch Z. n. …") and an infarct without a place are left out.
"""

import ast
import csv
import re
from pathlib import Path

from ml.labeling import Code, Labeler, builtin

TABLE = Path(__file__).resolve().parents[2] / "shared/data/ptbxl/ptbxl_database.csv"
STATE_AFTER = re.compile(
    r"(?<!anamnestisch )\b(?:(?:z|st)\. ?n\.?|zustand nach|status nach) ([^.,]{0,40}infarkt\w*)", re.I
)


def main() -> None:
    """Print each report's words with its codes, and the share that is coded."""
    labeler = Labeler(builtin())
    coded = found = 0
    with TABLE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            said = STATE_AFTER.search(" ".join([row["report"], row["infarction_stadium1"]]))
            labels = {finding.label for finding in labeler.read(said[1]).findings} if said else set()
            if said is None or not labels:
                continue
            codes = [Code("SCP", code) for code in ast.literal_eval(row["scp_codes"])]
            agrees = bool(labels & {finding.label for finding in labeler.read_codes(codes).findings})
            found += 1
            coded += agrees
            print(f"{'coded' if agrees else 'other':6} {said[0]!r}: {row['scp_codes']}")
    print(f"{coded} of {found} reports are coded as the infarct that they name")


if __name__ == "__main__":
    main()
