"""A plain heart: each label is as textbooks draw it, and nothing else is there (difficulty 0)."""

from collections.abc import Set

import numpy as np
from numpy.typing import NDArray

from ml.corpus.simulator.arcs import DOWER, P_WAVE, Arc, ventricles
from ml.corpus.simulator.tracing import RATE_HZ, add_beat, disturbances, recorded
from ml.formats.recording import Recording

AXIS_DEGREES = {"lad": (-75, -45), "rad": (105, 150), "rsad": (-160, -110)}
NORMAL_AXIS_DEGREES = (5, 70)
FLUTTER_HZ = 5.0  # 300 a minute


def record(labels: Set[str], rng: np.random.Generator, duration_s: float = 10.0) -> Recording:
    """Simulate one recording that shows `labels`, 12 leads at 500 Hz, 1000 ADC units per mV."""
    time = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    beats = _beats(labels, rng, duration_s)
    vector = np.zeros((3, len(time)))
    arcs = _arcs(labels, rng)
    for r_wave, rr in beats:
        add_beat(vector, time, arcs, r_wave=r_wave, rr=rr, size=1 + 0.03 * rng.standard_normal())
    vector += _atria(labels, time, rng)
    eight = (DOWER * rng.normal(1, 0.04, DOWER.shape)) @ vector  # electrodes are never quite in place
    eight += disturbances(time, rng)
    return recorded(eight)


def _beats(labels: Set[str], rng: np.random.Generator, duration_s: float) -> list[tuple[float, float]]:
    """Return the times of the R waves and the RR interval before each."""
    if "aflutter" in labels:
        ratio = int(rng.choice([2, 3, 4], p=[0.3, 0.2, 0.5]))
        mean, spread = ratio / FLUTTER_HZ, 0.0
    elif "afib" in labels:
        mean, spread = rng.uniform(0.5, 0.95), 0.2
    elif "sinus_rhythm" in labels:
        mean, spread = rng.uniform(0.65, 1.15), 0.025
    else:
        mean, spread = rng.uniform(1.0, 1.4), 0.005  # junctional: slow, regular, no P
    beats, at = [], -float(rng.uniform(0, mean))
    while at < duration_s + 0.5:
        rr = float(np.clip(mean * (1 + spread * rng.standard_normal()), 0.33, 2.0))
        at += rr
        beats.append((at, rr))
    return beats


def _arcs(labels: Set[str], rng: np.random.Generator) -> list[Arc]:
    axis = next((AXIS_DEGREES[key] for key in AXIS_DEGREES if key in labels), NORMAL_AXIS_DEGREES)
    size = rng.uniform(0.9, 1.3) * (1.15 if "lvh" in labels else 1.0)
    arcs = ventricles(dict.fromkeys(labels, 1.0), rng.uniform(*axis), size, rng.uniform(0.25, 0.5))
    return [P_WAVE, *arcs] if "sinus_rhythm" in labels else arcs


def _atria(labels: Set[str], time: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return fibrillatory or flutter waves, (3, samples)."""
    if "aflutter" in labels:
        phase = (time * FLUTTER_HZ + rng.uniform()) % 1
        saw = np.where(phase < 0.7, phase / 0.7, (1 - phase) / 0.3) - 0.5
        flutter: NDArray[np.float64] = np.outer([0.02, -0.24, -0.12], saw)
        return flutter
    if "afib" in labels:
        waves = np.zeros((3, len(time)))
        for _ in range(4):
            wobble = np.cumsum(rng.standard_normal(len(time))) * 0.01
            wave = np.sin(2 * np.pi * rng.uniform(5, 8) * time + wobble + rng.uniform(0, 6))
            waves += np.outer(rng.normal(0, [0.015, 0.02, 0.03]), wave)
        return waves
    return np.zeros((3, len(time)))
