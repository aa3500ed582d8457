"""How the rule reader agrees with PTB-XL's experts, and how fast it reads.

`python -m benchmarks.rule_reader ../shared/data/ptbxl` prints the tables of `docs/measurements/rule_reader.md`: kappa
at the textbook's thresholds and at the best ones (each fold's chosen on the others; `best` in `ml/rules/rules.yaml` is
chosen on all), AUROC with intervals by bootstrap over patients, and ECGs a second. The labels are the starter model's
(`ml/starter/ptbxl.py`).
"""

import argparse
import csv
import itertools
import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.archives.ptbxl import TABLE, scp_codes
from ml.evaluation.metrics import auroc_auprc
from ml.formats.disk import record_at
from ml.formats.recording import Recording
from ml.rules import RuleReading, read, read_window, rule_book
from ml.rules.rule import Sex
from ml.starter.ptbxl import LABELS, label

MIN_POSITIVES = 5
DRAWS = 1000
SEXES: dict[str, Sex] = {"0": "male", "1": "female"}
SINUS = {"SR", "STACH", "SBRAD", "SARRH"}
ANY_SINUS = "Sinus Rhythm, any"

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Corpus:
    """ECGs, with what rules and experts say of `names`: scores, positive and known are (n, labels)."""

    names: list[str]
    cuts: Floats
    scores: Floats
    positive: Bools
    known: Bools
    folds: NDArray[np.int64]
    patients: NDArray[np.int64]
    in_millivolt: Bools


def signals(folder: Path) -> Iterator[tuple[int, Recording | NDArray[np.float64]]]:
    """Yield PTB-XL's ECGs by their ids: recordings, and then the z-scored windows of other ECGs."""
    raw = {}
    for path in sorted((folder / "records500").rglob("*.hea")):
        record = record_at(path)
        if record is not None:
            raw[int(path.stem[:5])] = True
            yield int(path.stem[:5]), record.read().recording
    with np.load(folder / "ptbxl_zscored_250hz.npz") as content:
        ids, windows, scale = content["ecg_id"].tolist(), content["X"], float(content["scale"])
        for ecg_id, window in zip(ids, windows, strict=True):
            if ecg_id not in raw:
                yield ecg_id, window * scale


def corpus(folder: Path) -> Corpus:
    """Read every ECG."""
    with (folder / TABLE).open(newline="", encoding="utf-8") as table:
        rows = {int(row["ecg_id"]): row for row in csv.DictReader(table)}
    readings: dict[int, RuleReading] = {}
    in_millivolt: dict[int, bool] = {}
    for ecg_id, signal in signals(folder):
        sex = SEXES.get(rows[ecg_id]["sex"], "unknown")
        in_millivolt[ecg_id] = isinstance(signal, Recording)
        if isinstance(signal, Recording):
            readings[ecg_id] = read(signal, sex=sex)
        else:
            readings[ecg_id] = read_window(signal, millivolts=False, sex=sex)
    unread = sorted(ecg_id for ecg_id, reading in readings.items() if reading.not_readable)
    print(f"{len(readings):,} ECGs, {sum(in_millivolt.values())} in millivolt; not readable: {unread or 'none'}")
    chosen = [rows[ecg_id] for ecg_id in sorted(readings.keys() - set(unread))]
    said = [label(scp_codes(row["scp_codes"]), row["heart_axis"], row["report"]) for row in chosen]
    sinus = np.array([not SINUS.isdisjoint(scp_codes(row["scp_codes"])) for row in chosen])
    positive = np.array([[each[key] is True for key in LABELS] for each in said])
    known = np.array([[each[key] is not None for key in LABELS] for each in said])
    rules = {rule.label: rule for rule in rule_book().rules}
    keys = [*LABELS, "sinus_rhythm"]
    return Corpus(
        names=[*LABELS.values(), ANY_SINUS],
        cuts=np.array([rules[key].cuts["best"] for key in keys]),
        scores=np.array([[readings[int(row["ecg_id"])].scores[key] for key in keys] for row in chosen]),
        positive=np.column_stack([positive, sinus]),
        known=np.column_stack([known, np.ones(len(chosen), bool)]),
        folds=np.array([int(row["strat_fold"]) for row in chosen]),
        patients=np.array([int(float(row["patient_id"])) for row in chosen]),
        in_millivolt=np.array([in_millivolt[int(row["ecg_id"])] for row in chosen]),
    )


def kappa(one: Bools, other: Bools) -> float:
    """Return Cohen's kappa of two readings, (n,) each."""
    agreed = float((one == other).mean())
    by_chance = float(one.mean() * other.mean() + (1 - one.mean()) * (1 - other.mean()))
    return (agreed - by_chance) / (1 - by_chance) if by_chance < 1 else 1.0


def best_cut(scores: Floats, positive: Bools) -> float:
    """Return the threshold with the greatest kappa, half-way between two scores."""
    values = np.unique(scores)
    between = (values[1:] + values[:-1]) / 2
    return float(between[int(np.argmax([kappa(positive, scores >= cut) for cut in between]))])


def by_cross_validation(scores: Floats, positive: Bools, folds: NDArray[np.int64]) -> float:
    """Return kappa when each fold is read with the threshold that is best for the others."""
    said = np.zeros(len(scores), bool)
    for fold in np.unique(folds):
        own = folds == fold
        said[own] = scores[own] >= best_cut(scores[~own], positive[~own])
    return kappa(positive, said)


def table(ecgs: Corpus, seed: int) -> None:
    """Print a row a label, and the macro AUROC over the labels with five positives or more."""
    aurocs, _ = auroc_auprc(ecgs.scores, ecgs.positive, ecgs.known)
    drawn = draws(ecgs, seed)
    defined = ~np.isnan(drawn).all(axis=0)
    low, high = np.full((2, len(ecgs.names)), np.nan)
    low[defined], high[defined] = np.nanquantile(drawn[:, defined], [0.025, 0.975], axis=0)
    counted = (ecgs.positive & ecgs.known).sum(axis=0)
    print("\n| label | positive | said | kappa, textbook | kappa, best | best, whole | AUROC |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for k, name in enumerate(ecgs.names):
        known = ecgs.known[:, k]
        scores, positive = ecgs.scores[known, k], ecgs.positive[known, k]
        said = scores >= 0
        if counted[k] < MIN_POSITIVES:
            print(f"| {name} | {counted[k]} | {said.sum()}, {(said & positive).sum()} of them right | – | – | – | – |")
            continue
        cut = best_cut(scores, positive)
        print(
            f"| {name} | {counted[k]} | {said.sum()} | {kappa(positive, said):.2f} "
            f"| {by_cross_validation(scores, positive, ecgs.folds[known]):.2f} "
            f"| {kappa(positive, scores >= cut):.2f} at {cut:.2f} (shipped {ecgs.cuts[k]:g}: "
            f"{kappa(positive, scores >= ecgs.cuts[k]):.2f}) | {aurocs[k]:.3f} [{low[k]:.3f}–{high[k]:.3f}] |"
        )
    enough = (counted >= MIN_POSITIVES) & (np.array(ecgs.names) != ANY_SINUS)
    least, most = np.nanquantile(np.nanmean(drawn[:, enough], axis=1), [0.025, 0.975])
    print(f"\nmacro AUROC, {enough.sum()} labels: {aurocs[enough].mean():.3f} [{least:.3f}–{most:.3f}]")


def draws(ecgs: Corpus, seed: int) -> Floats:
    """Return AUROC by draw and label, (draws, labels): patients are drawn with replacement."""
    rng = np.random.default_rng(seed)
    patients, whose = np.unique(ecgs.patients, return_inverse=True)
    rows = [np.flatnonzero(whose == patient) for patient in range(len(patients))]
    drawn = np.full((DRAWS, len(ecgs.names)), np.nan)
    for draw in range(DRAWS):
        chosen = np.concatenate([rows[patient] for patient in rng.integers(0, len(rows), len(rows))])
        positive, known = ecgs.positive[chosen], ecgs.known[chosen]
        both = (positive & known).any(axis=0) & (~positive & known).any(axis=0)
        drawn[draw, both] = auroc_auprc(ecgs.scores[chosen][:, both], positive[:, both], known[:, both])[0]
    return drawn


def speed(folder: Path, count: int) -> None:
    """Print how many recordings of ten seconds are read in a second by one thread, by the clock and by its CPU time."""
    found = (signal for _, signal in signals(folder) if isinstance(signal, Recording))
    recordings = list(itertools.islice(found, count))
    began, began_cpu = time.perf_counter(), time.process_time()
    for recording in recordings:
        read(recording)
    each_ms, cpu_ms = (
        1000 * (now - then) / len(recordings)
        for now, then in ((time.perf_counter(), began), (time.process_time(), began_cpu))
    )
    print(f"\n{len(recordings)} ECGs of 12 x 5000 samples: {each_ms:.0f} ms each, {cpu_ms:.0f} ms of CPU time")


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ptbxl", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.machine()}, numpy {np.__version__}, {rule_book().version}")
    ecgs = corpus(arguments.ptbxl)
    table(ecgs, arguments.seed)
    raw = ecgs.in_millivolt
    print("\nOnly the ECGs in millivolt:")
    arrays = ("scores", "positive", "known", "folds", "patients", "in_millivolt")
    only = {name: getattr(ecgs, name)[raw] for name in arrays}
    table(Corpus(names=ecgs.names, cuts=ecgs.cuts, **only), arguments.seed)
    speed(arguments.ptbxl, 200)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
