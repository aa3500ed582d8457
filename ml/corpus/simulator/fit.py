"""Fit the thresholds of the machine that errs by rule: `python -m ml.corpus.simulator.fit`, about 5 minutes.

It reads a sample of each world by the rules and writes `thresholds.yaml` beside this file, then says how often the
machine errs on the sample. To be run again when the rules, the simulator or Table A.1's rates change.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np
import yaml
from numpy.typing import NDArray

from ml.corpus.simulator.cases import simulate
from ml.corpus.simulator.ledger import STUDIES, TABLE_A1
from ml.corpus.simulator.machines import CHANCES, FITTED_DIFFICULTIES, THRESHOLDS, Rates, RuleMachine
from ml.rules import read
from ml.rules.machine import ErringLabel, ErrorRates, fit_errors

SAMPLE: Mapping[Rates, int] = {"boosted": 3000, "table_a1": 5000}
SEED = 1991  # no corpus should have it


class Sample(NamedTuple):
    """ECGs of a world: the scores of the rules, (n, 13), and the over-reads, (n, 13)."""

    scores: NDArray[np.float64]
    is_true: NDArray[np.bool_]


def sample_of(rates: Rates, difficulty: float, count: int, seed: int = SEED) -> Sample:
    """Return a sample of a world, read by the rules."""
    scores, is_true = [], []
    for ecg in simulate(count, seed, rates, difficulty=difficulty):
        found = read(ecg.recording, sex=ecg.sex).scores
        scores.append([found.get(label, np.nan) for label in TABLE_A1])
        is_true.append([label in ecg.overread for label in TABLE_A1])
    return Sample(np.array(scores), np.array(is_true))


def fitted(sample: Sample, chance: float) -> dict[str, ErringLabel]:
    """Return the thresholds with which the machine errs on a sample as in Table A.1."""
    return {
        label: fit_errors(
            sample.scores[:, place],
            sample.is_true[:, place],
            ErrorRates.of_counts(*row, STUDIES),
            chance=chance,
        )
        for place, (label, row) in enumerate(TABLE_A1.items())
    }


def errors(sample: Sample, machine: RuleMachine, seed: int) -> dict[str, tuple[float, float]]:
    """Return the shares of missed and of falsely said ones of each label."""
    rng, labels = np.random.default_rng(seed), list(TABLE_A1)
    said = np.zeros(sample.is_true.shape, bool)
    for place, (scores, is_true) in enumerate(zip(sample.scores, sample.is_true, strict=True)):
        true = frozenset(label for label, there in zip(labels, is_true, strict=True) if there)
        found = machine.of_scores(dict(zip(labels, scores.tolist(), strict=True)), true, rng)
        said[place] = [label in found for label in labels]
    return {
        label: (float((~said[true, place]).mean()), float(said[~true, place].mean()))
        for place, (label, true) in enumerate(zip(labels, sample.is_true.T, strict=True))
    }


def main() -> int:
    """Fit the worlds that are asked for, and print the errors as Markdown."""
    parser = argparse.ArgumentParser(prog="python -m ml.corpus.simulator.fit", description=__doc__)
    parser.add_argument("--difficulty", type=float, choices=FITTED_DIFFICULTIES, help="only the worlds of this one")
    parser.add_argument("--rates", choices=get_args(Rates), help="only the worlds with these")
    only = parser.parse_args()
    path = Path(__file__).parent / THRESHOLDS
    worlds: dict[str, Any] = yaml.safe_load(path.read_text("utf-8")) if path.exists() else {}
    for rates in [only.rates] if only.rates else SAMPLE:
        for difficulty in FITTED_DIFFICULTIES if only.difficulty is None else [only.difficulty]:
            sample = sample_of(rates, difficulty, SAMPLE[rates])
            for chance in CHANCES:
                machine = fitted(sample, chance)
                world = worlds.setdefault(rates, {}).setdefault(difficulty, {})
                world[chance] = {label: _numbers(each) for label, each in machine.items()}
                _show(f"{rates}, difficulty {difficulty:g}, chance {chance:g}", sample, machine)
    comment = (
        "# Made by `python -m ml.corpus.simulator.fit`. Rates, difficulty, share of chance, label; then found_from,\n"
        "# said_from, missed_by_chance and said_by_chance (`ml.rules.machine.ErringLabel`).\n"
    )
    path.write_text(comment + yaml.safe_dump(worlds, default_flow_style=None, width=120), encoding="utf-8")
    return 0


def _numbers(label: ErringLabel) -> list[float]:
    return [label.found_from, label.said_from, label.missed_by_chance, label.said_by_chance]


def _show(world: str, sample: Sample, machine: Mapping[str, ErringLabel]) -> None:
    rows = [f"\n{world}\n\n| label | missed | of Table A.1 | false | of Table A.1 |\n|---|--:|--:|--:|--:|"]
    for label, (missed, false) in errors(sample, RuleMachine(machine), SEED).items():
        rates = ErrorRates.of_counts(*TABLE_A1[label], STUDIES)
        rows.append(f"| {label} | {missed:.2%} | {rates.missed:.2%} | {false:.2%} | {rates.false:.2%} |")
    sys.stdout.write("\n".join(rows) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
