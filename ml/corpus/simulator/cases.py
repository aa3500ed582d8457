"""Simulated ECGs: their patients, and the labels of machine and over-read."""

from collections.abc import Iterator, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

import numpy as np

from ml.corpus.simulator.body import record_of
from ml.corpus.simulator.heart import record
from ml.corpus.simulator.ledger import STUDIES, TABLE_A1
from ml.corpus.simulator.life import heart, read_by_an_expert
from ml.corpus.simulator.machines import EXCLUSIVE, Machine, Rates, at_random, rule_machine
from ml.formats.recording import Recording

PLAIN, AS_LIFE = 0.0, 1.0
"""Difficulties: every label as textbooks draw it, and as hard as in life."""
HARDEST = 2.0
CHANCE = 0.2  # of the errors of a machine that errs by rule

BOOSTED = 0.12  # prevalence of the rarer labels in a small corpus that must show all of them

_INDEPENDENT = ("lvh", "rvh", "anterior_mi", "inferior_mi", "posterior_mi")
_GROUPS = (*EXCLUSIVE, *((label,) for label in _INDEPENDENT))

_ENGLISH = {
    "sinus_rhythm": ["Normal sinus rhythm", "Sinus rhythm", "Sinus bradycardia", "Sinus tachycardia"],
    "rbbb": ["Right bundle branch block", "RBBB"],
    "lbbb": ["Left bundle branch block", "LBBB"],
    "afib": ["Atrial fibrillation", "Atrial fibrillation with rapid ventricular response"],
    "aflutter": ["Atrial flutter with variable AV block", "Atrial flutter"],
    "lad": ["Left axis deviation", "Left anterior fascicular block"],
    "rad": ["Right axis deviation", "Rightward axis, right axis deviation"],
    "rsad": ["Right superior axis deviation"],
    "lvh": ["Left ventricular hypertrophy", "Voltage criteria for left ventricular hypertrophy"],
    "rvh": ["Right ventricular hypertrophy"],
    "anterior_mi": ["Anterior infarct, age undetermined", "Possible anteroseptal infarct, age undetermined"],
    "inferior_mi": ["Inferior infarct, age undetermined", "Possible inferior infarct, age undetermined"],
    "posterior_mi": ["Posterior infarct, age undetermined"],
}
_GERMAN = {
    "sinus_rhythm": ["Sinusrhythmus"],
    "rbbb": ["Rechtsschenkelblock"],
    "lbbb": ["Linksschenkelblock"],
    "afib": ["Vorhofflimmern"],
    "aflutter": ["Vorhofflattern"],
    "lad": ["Ueberdrehter Linkstyp"],
    "rad": ["Rechtstyp"],
    "rsad": ["Right superior axis"],
    "lvh": ["Linksventrikulaere Hypertrophie"],
    "rvh": ["Rechtsventrikulaere Hypertrophie"],
    "anterior_mi": ["Vorderwandinfarkt"],
    "inferior_mi": ["Hinterwandinfarkt"],
    "posterior_mi": ["Posteriorer Infarkt"],
}
_SITES = ("simulated-north", "simulated-south", "simulated-de")
_DEVICES = ("Simulator A", "Simulator B")
_FIRST_DAY = datetime(2024, 1, 1, 8, tzinfo=UTC)


@dataclass(frozen=True, eq=False)
class SimulatedEcg:
    """One ECG of the simulated world. `machine` errs as Table A.1 says, against `overread`.

    The over-read is what the signal shows in a plain world, and what a reader makes of it in one as in life.
    """

    recording: Recording
    machine: frozenset[str]
    overread: frozenset[str]
    machine_report: str
    overread_report: str
    patient_id: str
    age: int
    sex: Literal["male", "female"]
    recorded_at: datetime
    site: str
    device: str


class _World(NamedTuple):
    rates: Rates
    machine: Machine
    difficulty: float
    chance: float


def simulate(
    count: int,
    seed: int,
    rates: Rates = "boosted",
    *,
    machine: Machine = "random",
    difficulty: float = PLAIN,
    chance: float = CHANCE,
) -> Iterator[SimulatedEcg]:
    """Simulate ECGs. The i-th ECG depends on seed and i only, so a longer corpus begins with the shorter one.

    Parameters
    ----------
    rates
        How common the labels are: as in Table A.1, or all common enough for a small corpus.
    machine
        Whether it errs at random or by rule; the signals and over-reads are the same.
    difficulty
        0: every label as textbooks draw it. 1: as in life (`ml.corpus.simulator.life`).
    chance
        Of the errors by rule, the share that no rule explains.
    """
    if not 0 <= difficulty <= HARDEST:
        raise ValueError(f"the difficulty lies between 0 and {HARDEST:g}")
    world = _World(rates, machine, difficulty, chance)
    if machine == "rule":
        rule_machine(rates, difficulty, chance)  # it is there, or nothing is simulated
    for i in range(count):
        yield _case(i, seed, world)


def _case(i: int, seed: int, world: _World) -> SimulatedEcg:
    rng = np.random.default_rng([seed, i])
    if world.difficulty == PLAIN:
        overread, of_heart = _truth(rng, world.rates), None
    else:
        own = np.random.default_rng([seed, i, 3])
        of_heart = heart({label: _prevalence(label, world.rates) for label in TABLE_A1}, own, world.difficulty)
        overread = read_by_an_expert(of_heart, own, world.difficulty)
    machine = at_random(overread, rng)
    patient = int(np.random.default_rng([seed, i, 1]).integers(0, 10**9)) if i % 5 else i  # some come back
    if i % 5 == 4:
        patient = i - 4
    person = np.random.default_rng([seed, patient, 2])
    age: int = int(np.clip(person.normal(62, 16), 18, 99))
    sex: Literal["male", "female"] = "female" if person.random() < 0.47 else "male"
    site = str(rng.choice(_SITES))
    words = _GERMAN if site.endswith("de") else _ENGLISH
    said = {label: str(rng.choice(words[label])) for label in TABLE_A1}
    recording = record(overread, rng) if of_heart is None else record_of(of_heart, rng, world.difficulty)
    if world.machine == "rule":
        by_rule = rule_machine(world.rates, world.difficulty, world.chance)
        machine = by_rule.labels(recording, sex, overread, np.random.default_rng([seed, i, 4]))
    return SimulatedEcg(
        recording=recording,
        machine=machine,
        overread=overread,
        machine_report=_text(machine, said, "Otherwise normal ECG"),
        overread_report=_text(overread, said, "No acute changes") + _denied(machine - overread, words, rng),
        patient_id=f"simulated-{seed}-{patient}",
        age=age,
        sex=sex,
        recorded_at=_FIRST_DAY + timedelta(hours=float(rng.uniform(0, 24 * 700))),
        site=site,
        device=str(rng.choice(_DEVICES)),
    )


def _prevalence(label: str, rates: Rates) -> float:
    share = TABLE_A1[label][1] / STUDIES
    if rates == "table_a1":
        return share
    return 0.6 if label == "sinus_rhythm" else max(BOOSTED, share)


def _truth(rng: np.random.Generator, rates: Rates) -> frozenset[str]:
    labels = set()
    for group in _GROUPS:
        shares = [_prevalence(label, rates) for label in group]
        none = max(0.0, 1 - sum(shares))
        chosen = rng.choice(len(group) + 1, p=np.array([*shares, none]) / (sum(shares) + none))
        if chosen < len(group):
            labels.add(group[chosen])
    return frozenset(labels)


def _text(labels: Set[str], said: dict[str, str], otherwise: str) -> str:
    lines = [said[label] for label in TABLE_A1 if label in labels]
    return "\n".join(lines) if lines else otherwise


def _denied(removed: Set[str], words: dict[str, list[str]], rng: np.random.Generator) -> str:
    """Return statements that deny some of the removed labels. The other removed labels are not mentioned."""
    negation = "Kein" if words is _GERMAN else "No"
    denied = [label for label in TABLE_A1 if label in removed and rng.random() < 0.3]
    return "".join(f"\n{negation} {words[label][0].split(',')[0].lower()}" for label in denied)
