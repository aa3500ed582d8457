"""Is what an expert changes predictable? `python -m benchmarks.discrepancy FOLDER [PART …]`; all parts unless given.

`ptbxl`: the rule reader (`ml.rules`) is the machine, PTB-XL's codes are the expert, on real waveforms. The model whose
probabilities are read is boosted trees on measurements; each ECG's logits are of trees that were grown without its
folds, calibrated on the others' logits. `ptbxl_axis`: those of them whose axis PTB-XL states. `made`: made pairs of two
labels, where the machine errs more at one site and hedges where it errs (`tests/ml/discrepancy/made.py`). `random`: the
same, but the expert changes statements at random: there is nothing to learn. `simulated`: simulated ECGs as hard as
life, whose machine errs by rule as often as Table A.1 says; the starter model is the model, or the bundle `--model`.
`simulated_random`: the same ECGs and answers, but the machine errs at random.

FOLDER keeps the pairs; a second run reads them from there.
"""

import argparse
import csv
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.ensemble import HistGradientBoostingClassifier

from ml.corpus.simulator import simulate
from ml.corpus.simulator.cases import AS_LIFE
from ml.discrepancy.fit import learn
from ml.discrepancy.ours import OURS, measured
from ml.discrepancy.pairs import Pairs, PairsFile, read
from ml.evaluation.calibration import platt
from ml.inference.predictor import Predictor
from ml.measurements import MEASUREMENTS, measure
from ml.rules import read_window
from ml.starter import BUNDLE
from ml.starter.ptbxl import LABELS, read_examples
from tests.ml.discrepancy.made import LABELS as MADE_LABELS
from tests.ml.discrepancy.made import made_rows

PTBXL = Path(__file__).resolve().parents[2] / "shared" / "data" / "ptbxl"
KEYS = tuple(LABELS)
SIMULATED, SEED = 1500, 21
MADE = 4000
FEWEST = 5  # positives that trees are grown from
NAMES = {
    "model": "discrepancy model",
    "prior": "prior of each statement",
    "difference": "\\|p − machine\\|",
    "machine_only": "machine findings only",
    "measurements_only": "measurements only",
}


def ptbxl() -> Iterator[dict[str, Any]]:
    """Yield pairs of the rule reader's text and PTB-XL's labels; an axis that PTB-XL does not know is not said."""
    examples = read_examples(PTBXL)
    measurements = np.stack([measure(window).values for window in examples.windows])
    logits = _cross_validated(measurements, examples.positive, examples.known, (examples.folds - 1) // 2)
    probabilities = _calibrated(logits, examples.positive, (examples.folds - 1) // 2)
    places = [MEASUREMENTS.index(name) if name in MEASUREMENTS else -1 for name in OURS]
    ours = np.where(np.array(places) >= 0, measurements[:, places], np.nan)
    with (PTBXL / "ptbxl_database.csv").open(newline="", encoding="utf-8") as table:
        facts = {int(row["ecg_id"]): row for row in csv.DictReader(table)}
    for place, ecg_id in enumerate(examples.ecg_ids.tolist()):
        known = facts[ecg_id]
        said = read_window(examples.windows[place], millivolts=False).findings
        age = float(known["age"]) if known["age"] else None
        yield {
            "ecg_id": str(ecg_id),
            "patient": known["patient_id"],
            "recorded_at": datetime.fromisoformat(known["recording_date"] + "+00:00"),
            "site": f"site {known['site']}" if known["site"] else None,
            "device": known["device"].strip(),
            "age": age if age is not None and age <= 120 else None,
            "sex": "female" if known["sex"] == "1" else "male",
            "machine_present": _mask(key in said for key in KEYS),
            "machine_uncertain": 0,
            "overread_present": _mask(examples.positive[place].tolist()),
            "overread_uncertain": 0,
            "logits": logits[place].tolist(),
            "probabilities": probabilities[place].tolist(),
            "ours": ours[place].tolist(),
        }


def simulated(bundle: Path) -> Iterator[dict[str, Any]]:
    """Yield pairs of simulated ECGs, asked of a model; the machine errs by rule."""
    for row, _ in _asked(bundle):
        yield row


def simulated_random(bundle: Path) -> Iterator[dict[str, Any]]:
    """Yield the same pairs with a machine that errs at random."""
    for row, machine in _asked(bundle):
        yield {**row, "machine_present": machine}


@cache
def _asked(bundle: Path) -> list[tuple[dict[str, Any], int]]:
    return list(_ask(bundle))


def _ask(bundle: Path) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield pairs whose machine errs by rule, and what one that errs at random says instead."""
    predictor = Predictor(bundle, "cpu")
    by_rule = simulate(SIMULATED, SEED, machine="rule", difficulty=AS_LIFE)
    at_random = simulate(SIMULATED, SEED, difficulty=AS_LIFE)
    for number, (ecg, same) in enumerate(zip(by_rule, at_random, strict=True)):
        signal, rate = ecg.recording.millivolts(), ecg.recording.sampling_rate_hz
        answer = predictor.predict(signal, rate)["labels"]
        scores = np.clip([each["score"] for each in answer], 1e-12, 1 - 1e-12)
        row = {
            "ecg_id": str(number),
            "patient": ecg.patient_id,
            "recorded_at": ecg.recorded_at,
            "site": ecg.site,
            "device": ecg.device,
            "age": float(ecg.age),
            "sex": ecg.sex,
            "machine_present": _mask(key in ecg.machine for key in KEYS),
            "machine_uncertain": 0,
            "overread_present": _mask(key in ecg.overread for key in KEYS),
            "overread_uncertain": 0,
            "logits": logit(scores).tolist(),
            "probabilities": [each["probability"] for each in answer],
            "ours": measured(signal, rate).tolist(),
        }
        yield row, _mask(key in same.machine for key in KEYS)


def with_axis(pairs: Pairs) -> Pairs:
    """Return the pairs of ECGs whose axis PTB-XL states; elsewhere an axis counts as not said."""
    with (PTBXL / "ptbxl_database.csv").open(newline="", encoding="utf-8") as table:
        stated = {row["ecg_id"] for row in csv.DictReader(table) if row["heart_axis"]}
    return pairs.at(np.array([ecg_id in stated for ecg_id in pairs.ecg_id.tolist()]))


def _cross_validated(
    rows: NDArray[np.float32], positive: NDArray[np.bool_], known: NDArray[np.bool_], groups: NDArray[np.int64]
) -> NDArray[np.float64]:
    logits = np.full(positive.shape, -5.0)
    for group in np.unique(groups):
        own = groups == group
        for label in range(positive.shape[1]):
            use = ~own & known[:, label]
            if positive[use, label].sum() >= FEWEST:
                trees = HistGradientBoostingClassifier(
                    max_iter=100, learning_rate=0.07, max_leaf_nodes=8, max_depth=7, min_samples_leaf=8,
                    l2_regularization=2.0, max_features=0.05, early_stopping=False, random_state=0,
                )  # fmt: skip
                logits[own, label] = trees.fit(rows[use], positive[use, label]).decision_function(rows[own])
    return logits


def _calibrated(
    logits: NDArray[np.float64], positive: NDArray[np.bool_], groups: NDArray[np.int64]
) -> NDArray[np.float64]:
    result = np.empty(logits.shape)
    for group in np.unique(groups):
        own = groups == group
        for label in range(logits.shape[1]):
            slope, bias = platt(logits[~own, label], positive[~own, label])
            result[own, label] = expit(slope * logits[own, label] + bias)
    return result


def _mask(said: Any) -> int:
    return sum(1 << bit for bit, each in enumerate(said) if each)


PARTS: dict[str, Callable[[Path], Iterator[dict[str, Any]]]] = {
    "ptbxl": lambda _: ptbxl(),
    "ptbxl_axis": lambda _: ptbxl(),
    "made": lambda _: iter(made_rows(MADE, SEED)),
    "random": lambda _: iter(made_rows(MADE, SEED, signal=False)),
    "simulated": simulated,
    "simulated_random": simulated_random,
}


def collected(folder: Path, part: str, labels: int, bundle: Path) -> Pairs:
    """Return the pairs, from the folder where they are there."""
    path = folder / f"{part.removesuffix('_axis')}.parquet"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        building = path.with_suffix(".building")
        with PairsFile(building) as file:
            for row in PARTS[part](bundle):
                file.append(row)
        building.rename(path)
    pairs = read(path, labels, labels)
    return with_axis(pairs) if part == "ptbxl_axis" else pairs


def show(name: str, pairs: Pairs, labels: tuple[str, ...]) -> None:
    """Learn, and print the tables."""
    made = learn(pairs, labels, labels, seen=np.zeros(len(pairs), np.bool_))
    split = made.described()["split"]
    print(f"\n## {name}\n\n{split}")
    for part, table in made.table.items():
        macro = table["macro"]
        print(f"\n### {part}: {table['pairs']} pairs, {table['patients']} patients; {table['verdict']}\n")
        statements = [f"{each['label']} {each['direction']}" for each in macro["statements"]]
        print(f"{len(statements)} statements with 50 changes or more: {', '.join(statements)}\n")
        if not statements:
            continue
        print("| macro | AUROC | AUPRC | model's AUPRC less this |\n|---|--:|--:|--:|")
        for method in table["methods"]:
            known, gain = macro["methods"][method], macro["differences"].get(method)
            less = "" if gain is None else _figure(gain["auprc"]["difference"], gain["auprc"]["difference_ci"], "+")
            shown = " | ".join(_figure(known[each], known[f"{each}_ci"]) for each in ("auroc", "auprc"))
            print(f"| {NAMES[method]} | {shown} | {less} |")
        print(f"\n| statement | pairs | changes | {' | '.join(NAMES[each] for each in table['methods'])} | ECE |")
        print(f"|---|--:|--:|{'--:|' * (len(table['methods']) + 1)}")
        for label, directions in table["labels"].items():
            for direction, entry in directions.items():
                if "methods" in entry:
                    each = (
                        _figure(entry["methods"][m]["auprc"], entry["methods"][m]["auprc_ci"]) for m in table["methods"]
                    )
                    ece = entry["calibration"]["ece"]
                    cells = f"{' | '.join(each)} | {ece:.3f}"
                    print(f"| {label} {direction} | {entry['pairs']} | {entry['changes']} | {cells} |")


def _figure(value: float, interval: list[float], sign: str = "") -> str:
    return f"{value:{sign}.3f} [{interval[0]:{sign}.3f}, {interval[1]:{sign}.3f}]"


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("parts", nargs="*", default=list(PARTS))
    parser.add_argument("--model", type=Path, default=BUNDLE, help="the bundle that simulated ECGs are asked of")
    given = parser.parse_args()
    for part in given.parts:
        labels = MADE_LABELS if part in ("made", "random") else KEYS
        show(part, collected(given.folder, part, len(labels), given.model), labels)


if __name__ == "__main__":
    main()
