"""The heart as one moving vector: P, QRS and T are short arcs, and each label bends them for its physiological reason.

Axes are Frank's: X to the left, Y to the feet, Z to the back; mV and seconds. The leads are Dower's (Dower, Machado &
Osborne 1980); the limb leads III, aVR, aVL and aVF follow from I and II, so Einthoven's and Goldberger's laws hold.
"""

from collections.abc import Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.formats.recording import Recording

RATE_HZ = 500.0
ADC_UNITS_PER_MV = 1000.0

_DOWER = np.array(
    [  # I, II, V1 … V6 from X, Y, Z
        [0.632, -0.235, 0.059],
        [0.235, 1.066, -0.132],
        [-0.515, 0.157, -0.917],
        [0.044, 0.164, -1.387],
        [0.882, 0.098, -1.277],
        [1.213, 0.127, -0.601],
        [1.125, 0.127, -0.086],
        [0.831, 0.076, 0.230],
    ]
)
# (X, Y) → (I, 2/√3 · aVF): the two axes in which the frontal QRS axis is measured
_FRONTAL = np.array([[1.0, 0.0], [-1 / np.sqrt(3), 2 / np.sqrt(3)]]) @ _DOWER[:2, :2]

AXIS_DEGREES = {"lad": (-75, -45), "rad": (105, 150), "rsad": (-160, -110)}
NORMAL_AXIS_DEGREES = (5, 70)
FLUTTER_HZ = 5.0  # 300 a minute


@dataclass(frozen=True)
class _Arc:
    """A Gaussian burst of the heart vector: peak (X, Y, Z) in mV, `at` seconds from the R wave, width `sd` seconds."""

    at: float
    sd: float
    x: float
    y: float
    z: float


def record(labels: Set[str], rng: np.random.Generator, duration_s: float = 10.0) -> Recording:
    """Simulate one recording that shows `labels`, 12 leads at 500 Hz, 1000 ADC units per mV."""
    samples = round(duration_s * RATE_HZ)
    time = np.arange(samples) / RATE_HZ
    beats = _beats(labels, rng, duration_s)
    vector = np.zeros((3, samples))
    arcs = _arcs(labels, rng)
    for r_wave, rr in beats:
        size = 1 + 0.03 * rng.standard_normal()
        for arc in arcs:
            # T follows the rate (Bazett), QRS does not
            at = r_wave + (arc.at * np.sqrt(rr) if arc.at > 0.15 else arc.at)
            near = slice(*np.searchsorted(time, [at - 5 * arc.sd, at + 5 * arc.sd]))
            bump = size * np.exp(-0.5 * ((time[near] - at) / arc.sd) ** 2)
            vector[:, near] += np.outer([arc.x, arc.y, arc.z], bump)
    vector += _atria(labels, time, rng)
    eight = (_DOWER * rng.normal(1, 0.04, _DOWER.shape)) @ vector  # electrodes are never quite in place
    eight += _disturbances(time, rng)
    units = np.rint(eight * ADC_UNITS_PER_MV).astype(np.int32)
    one, two = units[0], units[1]
    limb = np.stack([2 * one, 2 * two, 2 * (two - one), -(one + two), 2 * one - two, 2 * two - one])
    gain = np.array([2 * ADC_UNITS_PER_MV] * 6 + [ADC_UNITS_PER_MV] * 6)  # halves of Goldberger's leads stay exact
    return Recording(np.concatenate([limb, units[2:]]).astype(np.int32), gain, RATE_HZ)


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


def _arcs(labels: Set[str], rng: np.random.Generator) -> list[_Arc]:
    axis = next((AXIS_DEGREES[key] for key in AXIS_DEGREES if key in labels), NORMAL_AXIS_DEGREES)
    size = rng.uniform(0.9, 1.3) * (1.15 if "lvh" in labels else 1.0)
    x, y = _frontal(rng.uniform(*axis), size)
    z = rng.uniform(0.25, 0.5)
    t_x, t_y, t_z = 0.28, 0.2, -0.16
    arcs = [_Arc(-0.16, 0.020, 0.06, 0.11, -0.02)] if "sinus_rhythm" in labels else []
    septal = _Arc(-0.024, 0.008, -0.16, -0.05, -0.28)
    main = [_Arc(0.0, 0.013, x, y, z), _Arc(0.026, 0.010, -0.10 * size, -0.12 * size, 0.22)]
    if "lvh" in labels:  # more muscle: larger, further back; strain turns T away
        main[0] = _Arc(0.0, 0.016, x + 1.0, y + 0.35 * np.sign(y), z + 1.1)
        t_x, t_y, t_z = -0.18, t_y * 0.4, -0.25
    if "rvh" in labels:  # the right ventricle wins: forces forward and to the right
        main[0] = _Arc(0.0, 0.014, x * 0.45, y, -0.85)
        main[1] = _Arc(0.030, 0.012, -0.55, 0.0, 0.05)
        t_z = 0.18
    if "lbbb" in labels:  # no septal force, the left ventricle late and slowly
        septal = _Arc(-0.030, 0.012, 0.22, 0.02, 0.18)
        main = [_Arc(0.0, 0.022, 0.8 * x + 0.25, 0.8 * y, 0.6), _Arc(0.052, 0.022, 0.85 * x + 0.35, 0.8 * y, 0.75)]
        t_x, t_y, t_z = -0.32, -0.5 * t_y, -0.35
    if "rbbb" in labels:  # the right ventricle last and slowly
        main.append(_Arc(0.068, 0.021, -0.55, 0.03, -0.75))
        t_z = 0.14
    if "anterior_mi" in labels:  # the front wall's early forces are gone: the vector starts backwards
        septal = _Arc(-0.020, 0.013, -0.10, 0.0, 0.75)
        main.append(_Arc(0.0, 0.018, -0.15, 0.0, 0.45))
        arcs.append(_Arc(0.13, 0.045, 0.05, 0.0, -0.12))
        t_z = 0.12
    if "inferior_mi" in labels:  # the lower wall's are: it starts upwards
        main.append(_Arc(-0.030, 0.013, 0.10, -0.62, 0.0))
        arcs.append(_Arc(0.13, 0.045, 0.0, 0.07, 0.0))
        t_y = -0.14
    if "posterior_mi" in labels:  # the back wall's are: tall, broad R and upright T in V1 and V2
        main.append(_Arc(0.006, 0.019, 0.0, 0.0, -1.05))
        t_z = -0.42
    return [*arcs, septal, *main, _Arc(0.29, 0.045, t_x, t_y, t_z)]


def _frontal(axis_degrees: float, size: float) -> tuple[float, float]:
    """Return X and Y of a vector whose frontal QRS axis, as leads I and aVF show it, is `axis_degrees`."""
    angle = np.deg2rad(axis_degrees)
    x, y = np.linalg.solve(_FRONTAL, size * np.array([np.cos(angle), np.sin(angle)]))
    return float(x), float(y)


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


def _disturbances(time: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return artefacts of breathing, mains and muscle, (8, samples)."""
    breath = np.sin(2 * np.pi * rng.uniform(0.15, 0.35) * time + rng.uniform(0, 6))
    mains = np.sin(2 * np.pi * 50 * time + rng.uniform(0, 6))
    baseline: NDArray[np.float64] = np.outer(rng.normal(0, 0.04, 8), breath) + np.outer(rng.normal(0, 0.004, 8), mains)
    muscle: NDArray[np.float64] = rng.normal(0, 0.008, (8, len(time)))
    return np.add(baseline, muscle)
