"""Whether the bound of triage holds: `python -m benchmarks.triage [--held-out FOLDER] [--draws N]`.

From many readings, patients are drawn again and again as if they were the held-out ones; each time the threshold is
chosen, and the share of missed changes among all of the readings under it is compared with what was asked for. The
readings are simulated (some patients have several, which are alike), or those of a discrepancy model's folder: its
held-out pairs are then the population, and its out-of-fold pairs propose the thresholds. Printed is, for each question,
how often the bound held, how often none might pass, and how much passed.
"""

import argparse
import platform
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq

from ml.evaluation.risk import Of, Readings, few_of_each, passing

QUESTIONS: tuple[tuple[Of, float], ...] = (("passed", 0.02), ("passed", 0.05), ("all", 0.02), ("changed", 0.1))
PATIENTS = (100, 500, 2000, 5000)
LEVEL = 0.95
SEED = 20


class Population(NamedTuple):
    """Readings to draw patients from, and others that propose thresholds."""

    name: str
    everybody: Readings
    proposing: Readings


def simulated(patients: int, more: float, seed: int) -> Readings:
    """Return readings of patients who have 1 + Poisson(`more`) each; what is changed depends on the patient, too."""
    random = np.random.default_rng(seed)
    of = np.repeat(np.arange(patients), 1 + random.poisson(more, patients))
    logit = -4.0 + 1.5 * random.normal(size=patients)[of] + random.normal(size=len(of))
    changed = random.random(len(of)) < 1 / (1 + np.exp(-logit))
    return Readings(1 / (1 + np.exp(-logit - random.normal(size=len(of)))), changed, of)


def stored(path: Path) -> Readings:
    """Return the readings of a discrepancy model's table, each report whole."""
    table = pq.read_table(path)
    labels = [name.removeprefix("machine_") for name in table.column_names if name.startswith("machine_")]
    changed = np.zeros(len(table), np.bool_)
    for label in labels:
        changed |= table[f"machine_{label}"].to_numpy() != table[f"overread_{label}"].to_numpy()
    _, patients = np.unique(table["patient"].to_numpy().astype(str), return_inverse=True)
    return Readings(table["change_any"].to_numpy().astype(np.float64), changed, patients)


def populations(folder: Path | None) -> Iterator[Population]:
    """Yield what is drawn from."""
    if folder is not None:
        yield Population(folder.name, stored(folder / "held_out.parquet"), stored(folder / "out_of_fold.parquet"))
        return
    yield Population("simulated, one a patient", simulated(200_000, 0, SEED), simulated(8000, 0, SEED + 1))
    yield Population("simulated, 1 to 3 a patient", simulated(200_000, 1, SEED), simulated(8000, 1, SEED + 1))


def drawn(everybody: Readings, starts: np.ndarray, patients: np.ndarray) -> Readings:
    """Return all readings of some patients, a patient drawn twice as two."""
    lengths = starts[patients + 1] - starts[patients]
    rows = np.repeat(starts[patients] - np.r_[0, np.cumsum(lengths)[:-1]], lengths) + np.arange(lengths.sum())
    return everybody.only(rows)._replace(patients=np.repeat(np.arange(len(patients)), lengths))


def main() -> None:
    """Draw and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--held-out", type=Path, help="folder of a discrepancy model")
    parser.add_argument("--draws", type=int, default=200)
    given = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}; {given.draws} draws each, level {LEVEL}")
    print("| readings | changed | missed changes | at most | patients | bound held | none may pass | passing, mean |")
    print("|---|--:|---|--:|--:|--:|--:|--:|")
    began = perf_counter()
    for name, everybody, proposing in populations(given.held_out):
        counted = everybody.only(few_of_each(everybody.patients))  # of whom the bound speaks
        counted = counted.only(np.argsort(counted.patients, kind="stable"))
        starts = np.r_[0, np.flatnonzero(np.diff(counted.patients)) + 1, len(counted.patients)]
        for of, limit in QUESTIONS:
            for patients in PATIENTS:
                random = np.random.default_rng(SEED)
                held = none = 0
                shares = []
                for _ in range(given.draws):
                    sample = drawn(counted, starts, random.integers(0, len(starts) - 1, patients))
                    found = passing(proposing, sample, max_missed=limit, level=LEVEL, of=of)
                    passed = counted.scores <= (-1 if found.threshold is None else found.threshold)
                    within = {"passed": passed, "all": np.ones_like(passed), "changed": counted.changed}[of]
                    missed = (passed & counted.changed).sum() / max(1, within.sum())
                    held += missed <= limit
                    none += found.threshold is None
                    shares.append(passed.mean())
                print(
                    f"| {name} | {counted.changed.mean():.3f} | of {of} | {limit} | {patients} "
                    f"| {held / given.draws:.1%} | {none / given.draws:.1%} | {np.mean(shares):.1%} |",
                    flush=True,
                )
    print(f"{perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
