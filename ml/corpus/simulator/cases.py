"""Simulated ECGs: their patients, and the labels of machine and over-read."""

from collections.abc import Iterator, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np

from ml.corpus.simulator.heart import record
from ml.corpus.simulator.ledger import STUDIES, TABLE_A1
from ml.formats.recording import Recording

Rates = Literal["table_a1", "boosted"]

BOOSTED = 0.12  # prevalence of the rarer labels in a small corpus that must show all of them

# what can only be one thing at a time
_RHYTHM = ("sinus_rhythm", "afib", "aflutter")
_CONDUCTION = ("rbbb", "lbbb")
_AXIS = ("lad", "rad", "rsad")
_INDEPENDENT = ("lvh", "rvh", "anterior_mi", "inferior_mi", "posterior_mi")
_GROUPS = (_RHYTHM, _CONDUCTION, _AXIS, *((label,) for label in _INDEPENDENT))

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
    """One ECG of the simulated world. `overread` is the truth the signal shows; `machine` errs as Table A.1 says."""

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


def simulate(count: int, seed: int, rates: Rates = "boosted") -> Iterator[SimulatedEcg]:
    """Simulate ECGs. The i-th ECG depends on seed and i only, so a longer corpus begins with the shorter one."""
    for i in range(count):
        yield _case(i, seed, rates)


def _case(i: int, seed: int, rates: Rates) -> SimulatedEcg:
    rng = np.random.default_rng([seed, i])
    overread = _truth(rng, rates)
    machine = _machine(overread, rng)
    patient = int(np.random.default_rng([seed, i, 1]).integers(0, 10**9)) if i % 5 else i  # some come back
    if i % 5 == 4:
        patient = i - 4
    person = np.random.default_rng([seed, patient, 2])
    site = str(rng.choice(_SITES))
    words = _GERMAN if site.endswith("de") else _ENGLISH
    said = {label: str(rng.choice(words[label])) for label in TABLE_A1}
    return SimulatedEcg(
        recording=record(overread, rng),
        machine=machine,
        overread=overread,
        machine_report=_text(machine, said, "Otherwise normal ECG"),
        overread_report=_text(overread, said, "No acute changes") + _denied(machine - overread, words, rng),
        patient_id=f"simulated-{seed}-{patient}",
        age=int(np.clip(person.normal(62, 16), 18, 99)),
        sex="female" if person.random() < 0.47 else "male",
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


def _machine(overread: Set[str], rng: np.random.Generator) -> frozenset[str]:
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
    if not machine & set(_RHYTHM) and overread & {"afib", "aflutter"}:
        machine.add(str(rng.choice(["sinus_rhythm", "afib"])) if "aflutter" in overread else "sinus_rhythm")
    for group in (_RHYTHM, _CONDUCTION, _AXIS):
        said = sorted(machine & set(group))
        if len(said) > 1:
            machine -= set(said) - {str(rng.choice(said))}
    return frozenset(machine)


def _text(labels: Set[str], said: dict[str, str], otherwise: str) -> str:
    lines = [said[label] for label in TABLE_A1 if label in labels]
    return "\n".join(lines) if lines else otherwise


def _denied(removed: Set[str], words: dict[str, list[str]], rng: np.random.Generator) -> str:
    """Return statements that deny some of the removed labels. The other removed labels are not mentioned."""
    negation = "Kein" if words is _GERMAN else "No"
    denied = [label for label in TABLE_A1 if label in removed and rng.random() < 0.3]
    return "".join(f"\n{negation} {words[label][0].split(',')[0].lower()}" for label in denied)
