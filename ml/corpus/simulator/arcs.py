"""The heart's vector in one beat: short arcs, which each label bends for its physiological reason.

Axes are Frank's: X to the left, Y to the feet, Z to the back; mV and seconds. The leads are Dower's (Dower, Machado &
Osborne 1980).
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

DOWER = np.array(
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
_FRONTAL = np.array([[1.0, 0.0], [-1 / np.sqrt(3), 2 / np.sqrt(3)]]) @ DOWER[:2, :2]


class Arc(NamedTuple):
    """A Gaussian burst of the heart vector: `at` seconds from the R wave, width `sd` seconds, peak (X, Y, Z) in mV."""

    at: float
    sd: float
    x: float
    y: float
    z: float

    def times(self, factor: float) -> "Arc":
        """Return the arc with its peak times a factor."""
        return self._replace(x=self.x * factor, y=self.y * factor, z=self.z * factor)

    def towards(self, other: "Arc", share: float) -> "Arc":
        """Return what lies between this arc (share 0) and another (share 1)."""
        return Arc(*(_between(mine, its, share) for mine, its in zip(self, other, strict=True)))


P_WAVE = Arc(-0.16, 0.020, 0.06, 0.11, -0.02)
T_WAVE = Arc(0.29, 0.045, 0.28, 0.2, -0.16)


def ventricles(
    strength: Mapping[str, float],
    axis_degrees: float,
    size: float,
    z: float,
    *,
    t_wave: Arc = T_WAVE,
    repolarisation: float = 1.0,
) -> list[Arc]:
    """Return the arcs of QRS and T.

    Parameters
    ----------
    strength
        How much there is of a block, a hypertrophy or an infarct: 0 (or left out) is none, 1 is plain to see.
    axis_degrees, size, z
        The frontal axis of QRS and its size in mV, and its part to the back, before a label changes them.
    t_wave
        Of the heart without a label.
    repolarisation
        How much of their changes of ST and T hypertrophy and infarcts bring along.
    """
    x, y = _frontal(axis_degrees, size)
    t, st = t_wave, []
    septal = Arc(-0.024, 0.008, -0.16, -0.05, -0.28)
    early, late = Arc(0.0, 0.013, x, y, z), Arc(0.026, 0.010, -0.10 * size, -0.12 * size, 0.22)
    more = []
    if s := strength.get("lvh"):  # more muscle: larger, further back; strain turns T away
        early = early.towards(Arc(0.0, 0.016, x + 1.0, y + 0.35 * float(np.sign(y)), z + 1.1), s)
        t = t.towards(t._replace(x=-0.18, y=t.y * 0.4, z=-0.25), s * repolarisation)
    if s := strength.get("rvh"):  # the right ventricle wins: forces forward and to the right
        early = early.towards(Arc(0.0, 0.014, x * 0.45, y, -0.85), s)
        late = late.towards(Arc(0.030, 0.012, -0.55, 0.0, 0.05), s)
        t = t.towards(t._replace(z=0.18), s)
    if s := strength.get("lbbb"):  # no septal force, the left ventricle late and slowly
        septal = septal.towards(Arc(-0.030, 0.012, 0.22, 0.02, 0.18), s)
        early = early.towards(Arc(0.0, 0.022, 0.8 * x + 0.25, 0.8 * y, 0.6), s)
        late = late.towards(Arc(0.052, 0.022, 0.85 * x + 0.35, 0.8 * y, 0.75), s)
        t = t.towards(t._replace(x=-0.32, y=-0.5 * t.y, z=-0.35), s)
    if s := strength.get("rbbb"):  # the right ventricle last and slowly
        more.append(Arc(0.044, 0.012, 0.0, 0.0, 0.0).towards(Arc(0.068, 0.021, -0.55, 0.03, -0.75), s))
        t = t.towards(t._replace(z=0.14), s)
    if s := strength.get("anterior_mi"):  # the front wall's early forces are gone: the vector starts backwards
        septal = septal.towards(Arc(-0.020, 0.013, -0.10, 0.0, 0.75), s)
        more.append(Arc(0.0, 0.018, -0.15, 0.0, 0.45).times(s))
        st.append(Arc(0.13, 0.045, 0.05, 0.0, -0.12).times(s * repolarisation))
        t = t.towards(t._replace(z=0.12), s * repolarisation)
    if s := strength.get("inferior_mi"):  # the lower wall's are: it starts upwards
        more.append(Arc(-0.030, 0.013, 0.10, -0.62, 0.0).times(s))
        st.append(Arc(0.13, 0.045, 0.0, 0.07, 0.0).times(s * repolarisation))
        t = t.towards(t._replace(y=-0.14), s * repolarisation)
    if s := strength.get("posterior_mi"):  # the back wall's are: tall, broad R and upright T in V1 and V2
        more.append(Arc(0.006, 0.019, 0.0, 0.0, -1.05).times(s))
        t = t.towards(t._replace(z=-0.42), s * repolarisation)
    return [*st, septal, early, late, *more, t]


def _frontal(axis_degrees: float, size: float) -> tuple[float, float]:
    """Return X and Y of a vector whose frontal QRS axis, as leads I and aVF show it, is `axis_degrees`."""
    angle = np.deg2rad(axis_degrees)
    x, y = np.linalg.solve(_FRONTAL, size * np.array([np.cos(angle), np.sin(angle)]))
    return float(x), float(y)


def _between(mine: float, other: float, share: float) -> float:
    return other if share == 1 else mine + share * (other - mine)
