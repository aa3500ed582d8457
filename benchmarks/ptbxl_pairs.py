"""PTB-XL's pairs of device text and expert codes as an import: `python -m benchmarks.ptbxl_pairs [--lines]`.

1,070 ECGs of PTB-XL have the device's unconfirmed German text beside SCP codes that a reader validated. `--lines`
writes them as `overread import reports` takes them; without it they are imported into a private service and its
disagreement table is printed. Rhythm and axis were taken from the same text and cannot disagree; shown are the labels
whose codes carry a likelihood.
"""

import argparse
import csv
import io
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from app.disagreement.counting.cells import CellBook
from app.disagreement.counting.selection import PairFilter
from app.disagreement.service import disagreement
from app.disagreement.tally import Asked
from app.imports.service import import_reports
from app.kit.database import Database
from app.migrate import migrate
from app.vocabularies.service import Labelers
from benchmarks.code_test import written
from benchmarks.relabel import servers
from ml.archives.ptbxl import codes_of, scp_codes

FILE = Path(__file__).resolve().parents[2] / "shared/data/ptbxl/derived/ptbxl_machine_report_vs_expert_codes_1070.csv"
SHOWN = ("rbbb", "lbbb", "lvh", "rvh", "anterior_mi", "inferior_mi", "posterior_mi")


def lines(table: Path) -> Iterator[dict[str, Any]]:
    """Give each row's two readings."""
    with table.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            ecg = {
                "record": f"ptbxl/{row['ecg_id']}",
                "patient_id": f"ptbxl/{row['patient_id']}",
                "device": " ".join(row["device"].split()),
            }
            codes = [asdict(code) for code in codes_of(scp_codes(row["scp_codes"]), axis="")]
            yield {**ecg, "source": "machine", "text": row["machine_report"]}
            yield {**ecg, "source": "overread", "codes": codes}


def main() -> None:
    """Write the lines, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", type=Path, default=FILE)
    parser.add_argument("--lines", action="store_true")
    options = parser.parse_args()
    text = written(lines(options.table))
    if options.lines:
        print(text, end="")
        return
    with tempfile.TemporaryDirectory() as temporary:
        for settings in servers(Path(temporary)):
            database = Database(settings)
            migrate(database)
            import_reports(database, settings, "benchmark", io.BytesIO(text.encode()), progress=lambda _: None)
            with database.begin() as session:
                table = disagreement(session, CellBook(), Labelers().active(session), Asked(PairFilter()))
            database.close()
    print(f"{table['pairs']:,} pairs; hedged readings count as positive\n")
    print("| label | machine | over-read | added | removed | kappa |\n|---|--:|--:|--:|--:|--:|")
    for row in table["labels"]:
        if row["label"] in SHOWN:
            counts = (row[name] for name in ("machine", "overread", "added", "removed"))
            kappa = "–" if row["kappa"] is None else f"{row['kappa']:.2f}"
            print(f"| {row['name']} | {' | '.join(map(str, counts))} | {kappa} |")


if __name__ == "__main__":
    main()
