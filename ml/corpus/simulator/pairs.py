"""Simulated pairs of reports: the text of the machine and the text of the over-read."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from ml.corpus.simulator.ledger import LABELS, Ledger
from ml.corpus.simulator.phrases import (
    BOTH,
    CARDIOLOGIST,
    COMPARISONS,
    CORRECTIONS,
    MEASUREMENTS,
    MUSE,
    OWN_WORDS,
    PHILIPS,
    PLAIN_NAMES,
    Style,
)
from ml.corpus.simulator.urns import draw

OWN = 0.30  # over-reads with words of their own
REWRITTEN = 0.12  # over-reads in the cardiologist's words where nothing is changed
FIRST_DAY, DAYS = np.datetime64("2018-01-01T00:00:00"), 7 * 365
_YEAR_S = 365.25 * 86_400
_SITES = ("simulated-north", "simulated-south", "simulated-east", "simulated-west", "simulated-harbour")
_DEVICES: tuple[tuple[str, Style, tuple[str, ...]], ...] = (
    ("Simulated MAC 2000", MUSE, ("12SL v239", "12SL v241")),
    ("Simulated MAC 5500", MUSE, ("12SL v237", "12SL v239")),
    ("Simulated MAC VU360", MUSE, ("12SL v241", "12SL v243")),
    ("Simulated PageWriter TC50", PHILIPS, ("PH100B", "PH110C")),
    ("Simulated PageWriter TC70", PHILIPS, ("PH110C",)),
)
_SITE_SHARE, _DEVICE_SHARE = (0.38, 0.24, 0.18, 0.12, 0.08), (0.3, 0.25, 0.15, 0.2, 0.1)
_READERS = 24
_HEDGED_REMOVED, _HEDGED = 0.8, 0.3  # how often a label that can be hedged is: when it will be removed, and else
_DRAWS = 24  # random numbers a pair
_FULL = 1 << 16


class SimulatedPair(NamedTuple):
    """One ECG's two readings, and what is known of it."""

    number: int
    patient: int
    recorded_at: str
    authored_at: str
    site: str
    device: str
    device_software: str
    sex: Literal["male", "female"]
    age: int
    reader: str
    machine_report: str
    overread_report: str


def simulate_pairs(ledger: Ledger, pairs: int, seed: int) -> Iterator[SimulatedPair]:
    """Simulate an archive whose labels differ as often as `ledger` says, in no order of time; memory does not grow."""
    labels, rng = np.random.default_rng([seed, pairs]).spawn(2)
    number = 0
    for machine, overread in draw(ledger, pairs, labels):
        size = len(machine)
        seconds = rng.integers(0, DAYS * 86_400, size)
        recorded = np.datetime_as_string(FIRST_DAY + seconds, timezone="UTC").tolist()
        authored = np.datetime_as_string(
            FIRST_DAY + seconds + rng.integers(600, 3 * 86_400, size), timezone="UTC"
        ).tolist()
        patients = rng.integers(0, max(1, pairs * 2 // 3), size)
        female, born = _people(patients)
        ages = np.clip((seconds / _YEAR_S - born).astype(int), 18, 102).tolist()
        sites = rng.choice(len(_SITES), size, p=_SITE_SHARE).tolist()
        devices = rng.choice(len(_DEVICES), size, p=_DEVICE_SHARE).tolist()
        draws = rng.integers(0, _FULL, (size, _DRAWS), dtype=np.uint16).tolist()
        for i, (said, meant) in enumerate(zip(machine.tolist(), overread.tolist(), strict=True)):
            device, style, software = _DEVICES[devices[i]]
            random = draws[i]
            machine_report, overread_report = _reports(said, meant, style, random)
            yield SimulatedPair(
                number,
                int(patients[i]),
                recorded[i],
                authored[i],
                _SITES[sites[i]],
                device,
                software[seconds[i] * len(software) // (DAYS * 86_400)],  # replaced as the years go by
                "female" if female[i] else "male",
                ages[i],
                f"simulated-reader-{(sites[i] * 5 + random[0] % 5) % _READERS + 1:02}",
                machine_report,
                overread_report,
            )
            number += 1


def _people(patients: NDArray[np.int64]) -> tuple[list[bool], NDArray[np.float64]]:
    """Return sex and birth (in years after the first day) of patients. They depend on the patient only."""
    scrambled = patients.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)  # Knuth's multiplicative hash
    female = (scrambled >> np.uint64(63)).astype(bool).tolist()
    share = ((scrambled >> np.uint64(20)) % np.uint64(100_003)).astype(np.float64) / 100_003
    return female, -(61 + 17 * ndtri(np.clip(share, 0.001, 0.999)))


def _reports(said: int, meant: int, style: Style, random: Sequence[int]) -> tuple[str, str]:
    """Write both reports. The over-read keeps the machine's lines but for what it adds and removes."""
    kept: list[str] = []
    printed: list[str] = []
    for label, bit in _labels(said):
        line = _line(style, label, random, _HEDGED if meant & bit else _HEDGED_REMOVED)
        printed.append(line)
        if meant & bit:
            kept.append(line)
    if not said & _RHYTHMS:
        printed.insert(0, _pick(style.no_label, random[16]))
    asides = [] if random[17] < 0.45 * _FULL else [_pick(style.asides, random[18])]
    if random[17] > 0.85 * _FULL:
        asides.append(_pick(style.asides, random[19]))
    closing = style.abnormal
    if said == _SINUS and not asides:
        closing = style.ordinary if printed[0].upper() in _NORMAL else style.otherwise
    machine = [*printed, *asides, closing]
    if random[20] < 0.08 * _FULL:
        machine.append(_filled(_pick(COMPARISONS, random[21]), random))
    elif random[20] < 0.10 * _FULL:
        machine.append(_filled(_pick(MEASUREMENTS, random[21]), random))
    if said == meant and random[20] >= REWRITTEN * _FULL:
        overread = [*printed, *asides, closing]
    else:
        overread = _overread(said, meant, kept, asides, random=random)
    if random[22] < OWN * _FULL:
        overread.append(_filled(_pick(OWN_WORDS, random[23]), random))
    return "\n".join(machine), "\n".join(overread)


def _overread(said: int, meant: int, kept: list[str], asides: list[str], *, random: Sequence[int]) -> list[str]:
    """Write an over-read that changes something, or says the same in other words."""
    if said == meant:
        lines = _in_own_words(meant, random)
    else:
        added = _in_own_words(meant & ~said, random)
        lines = [*added, *kept] if meant & ~said & _RHYTHMS else [*kept, *added]
        lines += _corrections(said & ~meant, random)
    if not meant & _RHYTHMS:
        lines.insert(0, _pick(CARDIOLOGIST.no_label, random[16]))
    return lines + asides


def _in_own_words(labels: int, random: Sequence[int]) -> list[str]:
    lines = []
    for pair, mask in _PAIRS:
        if labels & mask == mask and random[15] & 1:
            lines.append(_pick(BOTH[pair], random[14]))
            labels &= ~mask
    return lines + [_line(CARDIOLOGIST, label, random, _HEDGED / 2) for label, _ in _labels(labels)]


def _corrections(removed: int, random: Sequence[int]) -> list[str]:
    """Return statements that deny two in five of the removed labels. The other removed labels are not mentioned."""
    lines = []
    for label, _ in _labels(removed):
        draw = random[(LABELS.index(label) + 7) % 13 + 1]
        if draw < 0.4 * _FULL:
            line = CORRECTIONS[draw % len(CORRECTIONS)].format(name=PLAIN_NAMES[label])
            lines.append(line[0].upper() + line[1:])
    return lines


def _line(style: Style, label: str, random: Sequence[int], hedged: float) -> str:
    """Choose the phrase of a label; a label's two draws are its own."""
    place = LABELS.index(label) + 1
    phrases = style.firm[label]
    if label in style.hedged and random[place] < hedged * _FULL:
        phrases = style.hedged[label]
    return _filled(phrases[(random[place] * 7 + random[15]) % len(phrases)], random)


def _pick(phrases: Sequence[str], number: int) -> str:
    return phrases[number * len(phrases) >> 16]


def _filled(phrase: str, random: Sequence[int]) -> str:
    if "{" not in phrase:
        return phrase
    day = f"{random[1] % 28 + 1:02}-{_MONTHS[random[2] % 12]}-{2005 + random[3] % 13}"
    return phrase.format(date=day, time=f"{random[4] % 24:02}:{random[5] % 60:02}", n=40 + random[6] % 59)


@cache
def _labels(mask: int) -> tuple[tuple[str, int], ...]:
    """Return the labels of a mask with their bits, rhythms first."""
    found = [(label, 1 << i) for i, label in enumerate(LABELS) if mask >> i & 1]
    return tuple(sorted(found, key=lambda item: item[1] & _RHYTHMS == 0))


def _mask(*labels: str) -> int:
    return sum(1 << LABELS.index(label) for label in labels)


_SINUS = _mask("sinus_rhythm")
_NORMAL = ("NORMAL SINUS RHYTHM", "SINUS RHYTHM")
_RHYTHMS = _mask("sinus_rhythm", "afib", "aflutter")
_PAIRS = tuple((pair, _mask(*pair)) for pair in BOTH)
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
