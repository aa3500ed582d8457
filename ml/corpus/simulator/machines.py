"""The machine of the simulated world, which errs as often as Table A.1 says: at random, or by rule.

A machine that errs by rule is the rule reader (`ml.rules`) with thresholds of its own: it misses the ECGs with a label
that score lowest, and says it of those without that score highest. The thresholds are fitted on a sample of each world
(`python -m ml.corpus.simulator.fit`) and kept in `thresholds.yaml`, so what is said of an ECG depends on no other ECG.
"""

from collections.abc import Mapping, Set
from functools import cache
from importlib import resources
from typing import Literal

import numpy as np
import yaml

from ml.corpus.simulator.ledger import STUDIES, TABLE_A1
from ml.formats.recording import Recording
from ml.rules import read
from ml.rules.machine import ErringLabel
from ml.rules.rule import Sex

Machine = Literal["random", "rule"]
Rates = Literal["table_a1", "boosted"]
CHANCES = (0.0, 0.2, 0.5)
"""Shares of the rule machine's errors that no rule explains, for which there are thresholds."""
FITTED_DIFFICULTIES = (0.0, 1.0)
THRESHOLDS = "thresholds.yaml"

EXCLUSIVE = (("sinus_rhythm", "afib", "aflutter"), ("rbbb", "lbbb"), ("lad", "rad", "rsad"))
"""Labels of which there is one at a time."""


def at_random(overread: Set[str], rng: np.random.Generator) -> frozenset[str]:
    """Draw the machine's labels given the expert's: P(machine | over-read) as Table A.1 implies it.

    A label of a group that excludes itself (a rhythm, an axis) is missed in favour of another of its group as often
    as the table has the machine wrongly say that one.
    """
    machine = set()
    for label, (m, o, d) in TABLE_A1.items():
        both = (m + o - d) / 2
        chance = both / o if label in overread else (m - both) / (STUDIES - o)
        if rng.random() < chance:
            machine.add(label)
    if not machine & set(EXCLUSIVE[0]) and overread & {"afib", "aflutter"}:
        machine.add(str(rng.choice(["sinus_rhythm", "afib"])) if "aflutter" in overread else "sinus_rhythm")
    for group in EXCLUSIVE:
        said = sorted(machine & set(group))
        if len(said) > 1:
            machine -= set(said) - {str(rng.choice(said))}
    return frozenset(machine)


class RuleMachine:
    """A machine that errs by rule, with its thresholds by label."""

    def __init__(self, thresholds: Mapping[str, ErringLabel]) -> None:
        self._thresholds = thresholds

    def labels(self, recording: Recording, sex: Sex, overread: Set[str], rng: np.random.Generator) -> frozenset[str]:
        """Return what it says of an ECG of which an expert says `overread`."""
        return self.of_scores(read(recording, sex=sex).scores, overread, rng)

    def of_scores(self, scores: Mapping[str, float], overread: Set[str], rng: np.random.Generator) -> frozenset[str]:
        """Return what it says of an ECG with these scores; a label without one scores lowest."""
        said = {}
        for label, erring in self._thresholds.items():
            score, is_true = scores.get(label, np.nan), label in overread
            if erring.said(np.array([score]), np.array([is_true]), rng)[0]:
                said[label] = score - (erring.found_from if is_true else erring.said_from)
        for group in EXCLUSIVE:
            several = [label for label in group if label in said]
            for label in sorted(several, key=lambda label: np.nan_to_num(said[label], nan=-np.inf))[:-1]:
                del said[label]
        return frozenset(said)


@cache
def rule_machine(rates: Rates, difficulty: float, chance: float) -> RuleMachine:
    """Return the machine of a world. Raises `ValueError` for one that no thresholds were fitted for."""
    text = resources.files("ml.corpus.simulator").joinpath(THRESHOLDS).read_text("utf-8")
    worlds = yaml.safe_load(text)
    try:
        fitted = worlds[rates][difficulty][chance]
    except KeyError:
        raise ValueError(
            f"no machine was fitted for difficulty {difficulty:g} and a share of chance of {chance:g}; there is one for"
            f" difficulties {_listed(FITTED_DIFFICULTIES)} and shares {_listed(CHANCES)}"
        ) from None
    return RuleMachine({label: ErringLabel(*fitted[label]) for label in TABLE_A1})


def _listed(numbers: tuple[float, ...]) -> str:
    return ", ".join(f"{number:g}" for number in numbers)
