"""Several readers of one ECG, on CODE-test: `python -m benchmarks.code_test [--lines]`.

CODE-test (Ribeiro et al., Nature Communications 2020) has 827 ECGs read by two cardiologists, residents, students and a
neural network, and the adjudicated gold standard. `--lines` writes the readings as `overread import reports` takes
them; without it they are imported into a private service and its agreement is printed beside the published.
"""

import argparse
import csv
import io
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.disagreement.counting.cells import CellBook
from app.disagreement.counting.selection import PairFilter
from app.disagreement.service import disagreement
from app.disagreement.tally import Asked
from app.ecgs.filters import EcgFilter
from app.imports.service import import_reports
from app.kit.database import Database
from app.migrate import migrate
from app.readers.queries import OverreadFilter
from app.readers.service import agreement, profile
from app.vocabularies import service as vocabularies
from app.vocabularies.service import Labelers
from benchmarks.relabel import activate, servers
from ml.corpus.sources import HEDGED
from ml.labeling.elsewhere import answer

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT.parent / "shared/data/code_test"
VOCABULARY = ROOT / "docs/examples/code-test.yaml"
READERS = {  # files of annotations/; the network's reading is the machine's
    "dnn": None,
    "cardiologist1": "cardiologist-1",
    "cardiologist2": "cardiologist-2",
    "cardiology_residents": "cardiology-residents",
    "emergency_residents": "emergency-residents",
    "medical_students": "medical-students",
    "gold_standard": "gold-standard",
}
LABELS = ("1dAVb", "RBBB", "LBBB", "SB", "AF", "ST")


def lines(folder: Path) -> Iterator[dict[str, Any]]:
    """Give each reading of each ECG as a line of an import."""
    with (folder / "attributes.csv").open(encoding="utf-8", newline="") as file:
        people = list(csv.DictReader(file))
    for name, reader in READERS.items():
        with (folder / f"annotations/{name}.csv").open(encoding="utf-8", newline="") as file:
            for number, row in enumerate(csv.DictReader(file)):
                found = [label for label in LABELS if row[label] == "1"] or ["NONE"]
                yield {
                    "record": f"code-test/{number}",
                    "source": "machine" if reader is None else "overread",
                    **({} if reader is None else {"reader": reader}),
                    **({"final": True} if reader == "gold-standard" else {}),
                    "codes": [{"system": "CODE-TEST", "code": code} for code in found],
                    "sex": {"M": "male", "F": "female"}[people[number]["sex"]],
                    "age": float(people[number]["age"]),
                }


def written(readings: Iterator[dict[str, Any]]) -> str:
    """Write lines as JSON lines."""
    return "".join(json.dumps(reading) + "\n" for reading in readings)


def published(folder: Path) -> dict[str, list[str]]:
    """Read the published kappas by the readers they compare."""
    with (folder / "kappas_annotators_and_DNN.csv").open(encoding="utf-8", newline="") as file:
        return {row[""]: [row[label] for label in LABELS] for row in csv.DictReader(file)}


def compare(folder: Path) -> None:
    """Print what the service finds beside what was published."""
    with tempfile.TemporaryDirectory() as temporary:
        for settings in servers(Path(temporary)):
            database = Database(settings)
            migrate(database)
            yaml = VOCABULARY.read_text(encoding="utf-8")
            with database.begin() as session:
                vocabularies.upload(session, "benchmark", yaml, answer({"vocabulary": yaml}))
            activate(database, settings, "code-test-1")
            file = io.BytesIO(written(lines(folder)).encode())
            loaded = import_reports(database, settings, "benchmark", file, progress=lambda _: None)
            with database.begin() as session:
                rules = Labelers().active(session)
                together = agreement(session, rules, OverreadFilter(), HEDGED)
                one, two = (
                    profile(session, rules, f"cardiologist-{number}", EcgFilter(), hedged=HEDGED) for number in (1, 2)
                )
                table = disagreement(session, CellBook(), rules, Asked(PairFilter()))
            database.close()
    print(f"{loaded.lines:,} readings of {loaded.ecgs} ECGs\n")
    said = published(folder)
    pairs = {tuple(pair["readers"]): pair["labels"] for pair in together["pairs"]}
    found = [
        ("DNN vs Cert. cardiol. 1", one["machine"]),
        ("DNN vs Certif. cardiol. 2", two["machine"]),
        ("Cert. cardiol. 1 vs Certif. cardiol. 2", pairs["cardiologist-1", "cardiologist-2"]),
    ]
    _print("Cohen's kappa (95 % interval)", *((name, [_kappa(row) for row in rows]) for name, rows in found))
    _print("as published", *said.items())
    _print("other readers", *((" vs ".join(names), [_kappa(row) for row in rows]) for names, rows in pairs.items()))
    _print("Fleiss' kappa of the six readers", ("six", [_kappa(row) for row in together["fleiss"]]))
    _print(
        "DNN against the gold standard",
        ("precision", [f"{row['ppv']:.3f}" for row in table["labels"]]),
        ("recall", [f"{row['sensitivity']:.3f}" for row in table["labels"]]),
        ("added, removed", [f"{row['added']}, {row['removed']}" for row in table["labels"]]),
    )


def _print(title: str, *rows: tuple[str, list[str]]) -> None:
    print(f"| {title} | {' | '.join(LABELS)} |\n|---|{'--:|' * len(LABELS)}")
    for name, cells in rows:
        print(f"| {name} | {' | '.join(cells)} |")
    print()


def _kappa(row: dict[str, Any]) -> str:
    if row["kappa"] is None:
        return "–"
    low, high = row["kappa_ci"]
    return f"{row['kappa']:.3f} ({low:.2f}–{high:.2f})"


def main() -> None:
    """Write the lines, or compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--lines", action="store_true")
    options = parser.parse_args()
    if options.lines:
        print(written(lines(options.folder)), end="")
    else:
        compare(options.folder)


if __name__ == "__main__":
    main()
