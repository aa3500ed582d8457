"""The recording of a heart as in life: its rhythm beat by beat, the body around it, and what disturbs.

Each heart has variants of its own: large and small P and T waves, early repolarisation, low voltage, premature beats,
electrodes that are not in place. None of them is a label.
"""

from typing import NamedTuple

import numpy as np

from ml.corpus.simulator.arcs import DOWER, P_WAVE, T_WAVE, Arc, ventricles
from ml.corpus.simulator.life import ATRIAL, Heart
from ml.corpus.simulator.tracing import RATE_HZ, Signal, add_beat, disturbances, recorded
from ml.formats.recording import Recording

DURATION_S = 10.0


class Beat(NamedTuple):
    """A beat: when, the interval before it, and its arcs."""

    r_wave: float
    rr: float
    arcs: list[Arc]


def record_of(heart: Heart, rng: np.random.Generator, difficulty: float) -> Recording:
    """Simulate one recording of ten seconds, 12 leads at 500 Hz."""
    time = np.arange(round(DURATION_S * RATE_HZ)) / RATE_HZ
    atria, cycle_s = _atria(heart, time, rng, difficulty)
    vector = np.zeros((3, len(time)))
    for beat in _beats(heart, _arcs(heart, rng, difficulty), cycle_s, rng, difficulty=difficulty):
        add_beat(vector, time, beat.arcs, r_wave=beat.r_wave, rr=beat.rr, size=1 + 0.05 * rng.standard_normal())
    eight = _electrodes(rng, difficulty) @ (vector + atria)
    eight *= np.exp(rng.normal(0, 0.2 * difficulty)) * (0.5 if rng.random() < 0.04 * difficulty else 1)  # the body
    eight += disturbances(
        time,
        rng,
        wander=float(np.exp(rng.normal(0.5, 0.8) * difficulty)),
        mains=float(np.exp(rng.normal(0.0, 0.8) * difficulty)),
        muscle=float(np.exp(rng.normal(0.0, 0.6) * difficulty)),
    )
    if rng.random() < 0.01 * difficulty:  # left and right arm exchanged
        eight[:2] = -eight[0], eight[1] - eight[0]
    return recorded(eight)


def _arcs(heart: Heart, rng: np.random.Generator, difficulty: float) -> list[Arc]:
    """Return the arcs of a usual beat, P first where there is one."""
    lvh = heart.strength["lvh"]
    t = T_WAVE.times(float(np.exp(rng.normal(0, 0.25 * difficulty))))
    t = t._replace(x=t.x + rng.normal(0, 0.05) * difficulty, y=t.y + rng.normal(0, 0.05) * difficulty)
    if rng.random() < 0.08 * difficulty:  # a T wave that is flat or inverted for no reason that has a label
        t = t.times(float(rng.uniform(-0.6, 0.3)))
    qrs = ventricles(
        heart.strength,
        heart.axis,
        float(1.1 * np.exp(rng.normal(0, 0.12))) * (1 + 0.15 * lvh),
        float(rng.normal(0.37, 0.1)),
        t_wave=t,
        repolarisation=float(1 - difficulty * rng.uniform(0, 0.6)),
    )
    width = 1 + 0.08 * difficulty * float(rng.standard_normal())
    arcs = [arc._replace(at=arc.at * width, sd=arc.sd * width) if abs(arc.at) < 0.1 else arc for arc in qrs]
    if rng.random() < 0.06 * difficulty:  # early repolarisation
        arcs.append(Arc(0.07, 0.03, 0.08, 0.06, -0.10).times(float(rng.uniform(0.5, 1.5))))
    late = rng.exponential(0.06) if rng.random() < 0.08 * difficulty else 0.0  # first degree AV block
    height = float(np.exp(rng.normal(0.2, 0.25) * difficulty))
    p = P_WAVE.times(height)._replace(at=P_WAVE.at - late + 0.01 * difficulty * float(rng.standard_normal()))
    return [p, *arcs] if heart.rhythm == "sinus_rhythm" else arcs


def _beats(heart: Heart, arcs: list[Arc], cycle_s: float, rng: np.random.Generator, *, difficulty: float) -> list[Beat]:
    if heart.rhythm in ATRIAL:
        intervals = _conducted(heart, cycle_s, rng, difficulty)
    elif heart.rhythm == "sinus_rhythm":
        spread = 0.025 * np.exp(rng.normal(0, 0.5) * difficulty)
        intervals = rng.uniform(0.55, 1.2) * (1 + min(spread, 0.12) * rng.standard_normal(40))
    else:
        intervals = rng.uniform(0.75, 1.4) * (1 + 0.01 * rng.standard_normal(40))  # junctional: no P
    intervals = np.clip(intervals, 0.3, 2.2)
    premature = rng.random() < 0.08 * difficulty, rng.random() < 0.05 * difficulty
    beats, at, early = [], -float(rng.uniform(0, intervals[0])), 1.0
    for rr in intervals.tolist():
        at += rr * early
        kind, early = rng.random(2) < 0.15, 1.0
        if at > DURATION_S + 0.5:
            break
        if premature[0] and kind[0]:  # ventricular: early, wide, without P, a pause after it
            beats.append(Beat(at - 0.3 * rr, rr, _ventricular(rng)))
        elif premature[1] and kind[1] and heart.rhythm == "sinus_rhythm":  # atrial: early, of another P
            at -= 0.25 * rr
            beats.append(Beat(at, rr, [arcs[0].times(0.7)._replace(at=-0.13), *arcs[1:]]))
        else:
            beats.append(Beat(at, rr, arcs))
    return beats


def _ventricular(rng: np.random.Generator) -> list[Arc]:
    peak = rng.normal(0, 1, 3)
    x, y, z = (1.6 * peak / np.linalg.norm(peak)).tolist()
    return [
        Arc(0.0, 0.030, x, y, z),
        Arc(0.06, 0.030, 0.6 * x, 0.6 * y, 0.6 * z),
        Arc(0.3, 0.06, -x / 3, -y / 3, -z / 3),
    ]


def _conducted(heart: Heart, cycle_s: float, rng: np.random.Generator, difficulty: float) -> Signal:
    """Return RR intervals, (40,), of atria that fibrillate or flutter: the AV node passes some of their waves on."""
    if heart.rhythm == "afib":
        return np.asarray(rng.uniform(0.45, 1.0) * (1 + rng.uniform(0.15, 0.28) * rng.standard_normal(40)))
    usual = int(rng.choice([2, 3, 4], p=[0.4, 0.2, 0.4]))
    varies = rng.random() < 0.4 * difficulty
    ratio = rng.choice([2, 3, 4, 5], size=40) if varies else np.full(40, usual)
    return np.asarray(ratio * cycle_s * (1 + 0.01 * rng.standard_normal(40)))


def _atria(heart: Heart, time: Signal, rng: np.random.Generator, difficulty: float) -> tuple[Signal, float]:
    """Return waves of the atria besides P, (3, samples), and their cycle in seconds."""
    rate_hz = heart.atrial_hz
    if heart.rhythm not in ATRIAL:
        return np.zeros((3, len(time))), 1 / rate_hz
    loose = 1 - heart.organised
    size = float(np.exp(rng.normal(-0.4, 0.45) * difficulty))
    drift = np.cumsum(rng.standard_normal(len(time))) * 0.006 * loose
    phase = (time * rate_hz + drift + rng.uniform()) % 1
    saw = np.where(phase < 0.7, phase / 0.7, (1 - phase) / 0.3) - 0.5
    waves = np.outer(np.array([0.02, -0.24, -0.12]) * size * heart.organised, saw)
    for _ in range(4):
        wobble = np.cumsum(rng.standard_normal(len(time))) * 0.01
        wave = np.sin(2 * np.pi * rng.uniform(5.5, 9) * time + wobble + rng.uniform(0, 6))
        waves += np.outer(rng.normal(0, [0.025, 0.04, 0.05]) * size * loose, wave)
    return waves, 1 / rate_hz


def _electrodes(rng: np.random.Generator, difficulty: float) -> Signal:
    """Return the leads of electrodes that are not quite in place, (8, 3); V1 to V3 are often too high."""
    leads = DOWER * rng.normal(1, 0.04 + 0.05 * difficulty, DOWER.shape)
    leads[2:] += rng.normal(0, 0.06 * difficulty, (6, 3))
    leads[2:5, 1] += rng.normal(0, 0.2 * difficulty)
    return np.asarray(leads)
