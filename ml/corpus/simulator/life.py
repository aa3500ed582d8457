"""A heart as in life: everything is a matter of degree, and a reader decides where a label begins.

Blocks, hypertrophies and infarcts have a strength, which hearts without the label have a little of too (incomplete
blocks, poor R progression, small inferior Q). The axis has no gaps. Fibrillation and flutter are one scale, of how
organised the atria are; flutter and atrial tachycardia, which is no label, are another, of the atrial rate. A reader
gives a label where what he makes of the heart lies beyond a threshold; readers scatter around the truth. `difficulty`
scales the scatter, the borderline cases, the variety and the disturbances; 1 is as in life. The numbers are chosen so
that a network learns about as well as the paper's (Table 1); no population was measured for them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

Rhythm = Literal["sinus_rhythm", "afib", "aflutter", "atrial_tachycardia", "junctional"]
ATRIAL: tuple[Rhythm, ...] = ("afib", "aflutter", "atrial_tachycardia")
"""Rhythms with waves of the atria besides P."""
BORDER = 0.5  # the strength from which a reader gives the label, were it not for scatter
ORGANISED = 0.5  # atria from which on a reader sees flutter
FLUTTER_HZ = 4.0  # the atrial rate from which on a reader sees flutter, not atrial tachycardia: 240 a minute


class Trait(NamedTuple):
    """How a label's strength varies.

    Attributes
    ----------
    nearly
        For each heart with the label, so many have a little of it.
    scatter
        Of the readers around the strength, as a standard deviation.
    beyond
        The mean strength beyond the border where the label is.
    """

    nearly: float
    scatter: float
    beyond: float = 0.4


TRAITS = {
    "rbbb": Trait(nearly=0.8, scatter=0.04, beyond=0.5),
    "lbbb": Trait(nearly=0.5, scatter=0.05, beyond=0.5),
    "lvh": Trait(nearly=1.3, scatter=0.22),
    "rvh": Trait(nearly=1.2, scatter=0.35),
    "anterior_mi": Trait(nearly=1.3, scatter=0.2),
    "inferior_mi": Trait(nearly=1.3, scatter=0.17),
    "posterior_mi": Trait(nearly=1.6, scatter=0.6, beyond=0.3),
}
# what comes together: of the hearts with the first, this share has the second for that reason
TOGETHER = (
    ("posterior_mi", "inferior_mi", 0.5),
    ("rvh", "rad", 0.4),
    ("lbbb", "lad", 0.25),
    ("lvh", "lad", 0.15),
    ("rbbb", "lad", 0.15),
)
TACHYCARDIA = 0.5  # for each heart in flutter, so many are in atrial tachycardia
# sectors of the axis in degrees from -30 on, clockwise, and how readers scatter in each
_SECTORS = (("lad", -90.0, -30.0), ("rad", 90.0, 180.0), ("rsad", 180.0, 270.0))
_KEPT = {"rsad": 0.7}  # of the hearts with a deviation, about so many keep it in the reader's eyes; of the others, all
_SCATTER_OF_AXIS = {"": 5.0, "lad": 5.0, "rad": 10.0, "rsad": 35.0}  # little is left of QRS in an extreme axis


@dataclass(frozen=True)
class Heart:
    """A heart as it is, whatever a reader makes of it.

    Attributes
    ----------
    rhythm
        Of the atria; fibrillation and flutter by `organised`.
    organised
        From 0, fine fibrillation, to 1, a steady saw-tooth; no matter in other rhythms.
    atrial_hz
        The rate of flutter and of atrial tachycardia; no matter in other rhythms.
    axis
        The frontal axis of QRS in degrees, -90 to 270.
    strength
        Of blocks, hypertrophies and infarcts: 0 is none, 1 is plain to see.
    """

    rhythm: Rhythm
    organised: float
    atrial_hz: float
    axis: float
    strength: Mapping[str, float]


def heart(prevalence: Mapping[str, float], rng: np.random.Generator, difficulty: float) -> Heart:
    """Return a heart of a population in which labels are about as common as asked for."""
    true = _true_labels(prevalence, rng)
    rhythm = _rhythm(true)
    if rhythm == "junctional" and rng.random() < _share_of_tachycardia(prevalence):
        rhythm = "atrial_tachycardia"
    flutter = rhythm in ("aflutter", "atrial_tachycardia")
    near = rng.beta(1.2, 2.0 if rhythm == "aflutter" else 3.5)  # flutter is often less clear than fibrillation
    away = (1 - ORGANISED) * (1 - difficulty * near)
    return Heart(
        rhythm=rhythm,
        organised=ORGANISED + away if flutter else ORGANISED - away,
        atrial_hz=_atrial_hz(rhythm, rng, difficulty),
        axis=_axis(true, rng),
        strength={
            label: _strength(label in true, trait, prevalence[label], rng, difficulty=difficulty)
            for label, trait in TRAITS.items()
        },
    )


def read_by_an_expert(of: Heart, rng: np.random.Generator, difficulty: float) -> frozenset[str]:
    """Return the labels that a reader gives."""
    labels = set()
    for label, trait in TRAITS.items():
        doubt = 0.3 + 0.7 * min(of.strength[label] / BORDER, 1.0)  # where there is nothing, there is less to doubt
        if of.strength[label] + difficulty * trait.scatter * doubt * rng.standard_normal() > BORDER:
            labels.add(label)
    organised = of.organised + difficulty * 0.18 * rng.standard_normal()
    rate_hz = of.atrial_hz + difficulty * 0.5 * rng.standard_normal()
    if of.rhythm in ATRIAL:
        if organised <= ORGANISED:
            labels.add("afib")
        elif rate_hz > FLUTTER_HZ:
            labels.add("aflutter")
    elif of.rhythm == "sinus_rhythm":
        labels.add("sinus_rhythm")
    if {"lbbb", "rbbb"} <= labels:
        labels.remove(min("lbbb", "rbbb", key=lambda block: of.strength[block]))
    scatter = difficulty * _SCATTER_OF_AXIS[sector(of.axis)]
    if deviation := sector(of.axis + scatter * rng.standard_normal()):
        labels.add(deviation)
    return frozenset(labels)


def sector(axis: float) -> str:
    """Return the deviation that an axis is, by the guidelines' limits; empty: none."""
    clockwise = (axis + 90) % 360 - 90
    return next((label for label, first, last in _SECTORS if first <= clockwise < last), "")


def _true_labels(prevalence: Mapping[str, float], rng: np.random.Generator) -> set[str]:
    """Return what the heart has by nature. What comes together is drawn together, at the same prevalence."""
    brought = dict.fromkeys(prevalence, 0.0)
    for first, second, share in TOGETHER:
        brought[second] += share * prevalence[first]
    own = {label: max(share - brought[label], 0.25 * share) for label, share in prevalence.items()}
    free = 1 - brought["lad"] - brought["rad"]  # of the hearts, those whose axis nothing else decides
    own |= {label: own[label] / (free * _KEPT.get(label, 1.0)) for label in ("lad", "rad", "rsad")}
    true: set[str] = set()
    for label in ("lvh", "rvh", "anterior_mi", "posterior_mi", "inferior_mi"):
        if rng.random() < own[label]:
            true.add(label)
    for group in (("sinus_rhythm", "afib", "aflutter"), ("rbbb", "lbbb")):
        true |= _one_of(group, own, rng)
    forced = [second for first, second, share in TOGETHER if first in true and rng.random() < share]
    true |= set(forced) & {"inferior_mi"}
    deviations = [label for label in forced if label in ("lad", "rad")]
    return true | (set(deviations[:1]) or _one_of(("lad", "rad", "rsad"), own, rng))


def _one_of(group: tuple[str, ...], shares: Mapping[str, float], rng: np.random.Generator) -> set[str]:
    chance = np.cumsum([shares[label] for label in group])
    place = int(np.searchsorted(chance / max(1.0, chance[-1]), rng.random(), side="right"))
    return set(group[place : place + 1])


def _rhythm(true: set[str]) -> Rhythm:
    rhythms: tuple[Rhythm, ...] = ("sinus_rhythm", "afib", "aflutter")
    return next((each for each in rhythms if each in true), "junctional")


def _share_of_tachycardia(prevalence: Mapping[str, float]) -> float:
    """Return which share of the hearts without a rhythm that has a label are in atrial tachycardia."""
    others = 1 - sum(prevalence[label] for label in ("sinus_rhythm", "afib", "aflutter"))
    return min(TACHYCARDIA * prevalence["aflutter"] / others, 0.8) if others > 0 else 0.0


def _atrial_hz(rhythm: Rhythm, rng: np.random.Generator, difficulty: float) -> float:
    """Return an atrial rate: of flutter a bell around 280 a minute, below it that of tachycardia."""
    if rhythm == "atrial_tachycardia":
        return FLUTTER_HZ - 0.9 + difficulty * float(np.clip(rng.normal(0.4, 0.35), -0.6, 0.85))
    return max(float(rng.normal(4.7, 0.5 * difficulty)), FLUTTER_HZ)


def _strength(there: bool, trait: Trait, prevalence: float, rng: np.random.Generator, *, difficulty: float) -> float:
    """Return a strength: in life just beyond the border as often as anywhere, at difficulty 0 either 0 or 1."""
    little = rng.random() < min(trait.nearly * prevalence / (1 - prevalence), 1.0)
    away = float(rng.gamma(1.4, trait.beyond / 1.4))
    if there:
        return 1 + difficulty * (min(BORDER + away, 1.4) - 1)
    return difficulty * max(BORDER - away, 0.0) if little else 0.0


def _axis(true: set[str], rng: np.random.Generator) -> float:
    """Return an axis: a bell around 40 degrees, and beyond its ends tails without a gap."""
    tails: dict[str, Callable[[], float]] = {
        "lad": lambda: -30 - _below(rng.exponential(20), 60, rng),
        "rad": lambda: 90 + _below(rng.exponential(25), 90, rng),
        "rsad": lambda: 180 + rng.uniform(0, 90),
    }
    for label, tail in tails.items():
        if label in true:
            return float(tail())
    axis = rng.normal(38, 28)
    while not -30 <= axis < 90:
        axis = rng.normal(38, 28)
    return float(axis)


def _below(value: float, limit: float, rng: np.random.Generator) -> float:
    return value if value < limit else float(rng.uniform(0, limit))
