"""Has a rate risen above its reference? One chart: a CUSUM of single readings (Bernoulli), and its false alarms.

The statistic goes up with each event and down with each reading without one, and never below 0: the log-likelihood
ratio of "the odds are so many times those of the reference" on a lattice of whole numbers (Reynolds and Stoumbos,
1999). It rings at a limit. Readings are taken one by one, so nothing is approximated where events are rare, and the
volume of a day does not matter.

How often a chart rings where nothing has changed depends on the true rate, of which the reference is a sample. So the
probability to ring within a year is averaged over what the reference leaves possible (Jeffreys' posterior, which is
proper also where no event was seen): a limit chosen by it keeps the stated rate with its reference's uncertainty in
it. For each rate the run length is exact up to the lattice: the mean time to absorption of a Markov chain, by a banded
system of equations.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_banded
from scipy.optimize import brentq
from scipy.special import betaincinv, ndtr

from ml.evaluation.metrics import Bools

Ints = NDArray[np.int64]

DAYS_A_YEAR = 365.25
ODDS = (1.5, 2.0, 3.0, 5.0)
"""Rises of the odds that a chart may be tuned for."""
HEIGHTS = np.array([3.0, 5.0, 7.0, 9.0, 11.0, 13.0, 16.0, 20.0, 26.0])
"""Limits, in units of the log-likelihood ratio, for which the false alarms of a chart are computed."""
FINEST = 4  # steps of the lattice in the smaller weight, where events are frequent
MOST_STEPS = 20  # lattice steps of an event in the computation, where events are rare
MOST_IN_STEP = 0.8  # events in a step
NODES = 9


class Reference(NamedTuple):
    """What a chart compares with: events among readings, and how many readings there are in a year."""

    readings: int
    events: int
    readings_a_year: float

    @property
    def rate(self) -> float:
        """The rate as the chart takes it: never 0 and never 1."""
        return (self.events + 0.5) / (self.readings + 1)


class Weights(NamedTuple):
    """What a chart's statistic goes up by with an event, and down by without one; `unit` is 1 in log-likelihood."""

    up: int
    down: int
    unit: float


class Tuned(NamedTuple):
    """A chart that is tuned for a rise of the odds: its weights, and its false alarms a year by limit."""

    odds: float
    weights: Weights
    limits: tuple[float, ...]
    false_alarms: tuple[float, ...]

    def limit(self, a_year: float) -> int:
        """Return the limit with so many false alarms a year, interpolated between those that were computed."""
        log_alarms, wanted = np.log(np.maximum(self.false_alarms, 1e-300)), math.log(a_year)
        return math.ceil(float(np.interp(-wanted, -log_alarms, self.limits)))


def weights_for(rate: float, odds: float) -> Weights:
    """Return the weights of a chart that looks for a rise of the odds."""
    raised = odds * rate / (1 - rate + odds * rate)
    up, down = math.log(raised / rate), math.log((1 - rate) / (1 - raised))
    step = min(down, up) / FINEST
    return Weights(round(up / step), round(down / step), 1 / step)


def run_length(rate: float, weights: Weights, limit: float) -> float:
    """Return the mean number of readings until a chart that begins at 0 rings.

    Where events are rare several readings are one step of the computation, with at most one event.
    """
    together = max(1, min(weights.up // (MOST_STEPS * weights.down), int(MOST_IN_STEP / rate)))
    up, down = max(1, round((weights.up - (together - 1) * weights.down) / together)), weights.down
    states = max(1, math.ceil(limit / together))
    event = rate if together == 1 else _event_of_step(rate, weights, together, up)
    bands = np.zeros((up + down + 1, states))
    bands[up] = 1.0
    bands[0, up:] = -event
    bands[up + down, : -down or None] = -(1 - event)
    for state in range(min(down, states)):  # without an event these go to 0
        bands[up + state, 0] -= 1 - event
    expected = solve_banded((down, up), bands, np.ones(states), check_finite=False)
    return float(expected[0]) * together


def _event_of_step(rate: float, weights: Weights, together: int, up: int) -> float:
    """Return the probability of an event with which a coarse chart has the exponent of the fine one.

    With the exponent θ, at which the mean of exp(θ · step) is 1, the chance to reach a limit falls by exp(-θ · limit):
    the run length at high limits depends on it far more than on anything else.
    """
    drift = rate * weights.up - (1 - rate) * weights.down

    def mean(theta: float) -> float:
        return rate * math.expm1(theta * weights.up) + (1 - rate) * math.expm1(-theta * weights.down)

    furthest = -math.log(rate) / weights.up if drift < 0 else math.log1p(-rate) / weights.down
    nearest = 1e-6 * furthest
    if mean(nearest) >= 0:  # as good as no drift
        return weights.down / (up + weights.down)
    theta = brentq(mean, nearest, furthest) * together
    return math.expm1(-theta * weights.down) / (math.expm1(-theta * weights.down) - math.expm1(theta * up))


def tuned(reference: Reference, odds: float) -> Tuned:
    """Return a chart for a rise of the odds with its false alarms a year."""
    weights = weights_for(reference.rate, odds)
    limits = HEIGHTS * weights.unit
    z, at = np.polynomial.legendre.leggauss(NODES)
    z, mass = 4.5 * z, 4.5 * at * np.exp(-((4.5 * z) ** 2) / 2) / math.sqrt(2 * math.pi)
    rates = betaincinv(reference.events + 0.5, reference.readings - reference.events + 0.5, ndtr(z))
    rates = np.clip(rates, 1e-9, 1 - 1e-9)
    rings = [
        float((mass * [_rings(reference.readings_a_year / run_length(rate, weights, limit)) for rate in rates]).sum())
        for limit in limits
    ]
    return Tuned(odds, weights, tuple(limits.tolist()), tuple(rings))


def _rings(expected: float) -> float:
    return -math.expm1(-expected)


@lru_cache(maxsize=512)  # labels that never occur have the same reference
def chosen(reference: Reference, a_year: float, within_days: float) -> Tuned | None:
    """Return the chart for the smallest of `ODDS` whose rise it finds within so many days on average.

    Where it finds none in time it is the one for the largest. `a_year` are the false alarms that the chart may give.
    None where the reference is too small for a chart that gives no more.
    """
    chart = None
    for odds in ODDS:
        made = tuned(reference, odds)
        if made.false_alarms[-1] > a_year:
            continue
        chart = made
        raised = odds * reference.rate / (1 - reference.rate + odds * reference.rate)
        readings = run_length(raised, chart.weights, chart.limit(a_year))
        if readings <= within_days / DAYS_A_YEAR * reference.readings_a_year:
            break
    return chart


def run(start: Ints, counted: Bools, events: Bools, weights: Sequence[Weights]) -> Ints:
    """Return the statistics of charts after each reading: (reading, chart).

    Parameters
    ----------
    start
        (chart,): the statistics before.
    counted, events
        (reading, chart): whether a reading counts for a chart, and whether it is an event.
    """
    up, down = (np.array([getattr(each, name) for each in weights], np.int64) for name in ("up", "down"))
    summed = start + np.cumsum(np.where(counted, np.where(events, up, -down), 0), axis=0)
    lowest = np.minimum(np.minimum.accumulate(summed, axis=0), 0)
    statistic: Ints = summed - lowest
    return statistic
