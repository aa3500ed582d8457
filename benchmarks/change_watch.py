"""False alarms and delays of the change watch: `python -m benchmarks.change_watch [--years N] [--reference DAYS]`.

Quiet years: two streams of 13 labels in both directions, with the paper's rates (Table A.1).
Each year has a reference of its own, drawn from the true rates, from which the charts are made as the service makes
them; then a year of readings at the same rates. Printed is how many charts rang, beside the stated rate. Then the
removals of one label rise, and the days until the chart rings are counted.

Between events the statistic only falls, so the simulation goes from event to event: it is exact. Limits are computed at
some counts of the reference's events, and interpolated between them, in units of the log-likelihood ratio.
"""

import argparse
import platform
from collections.abc import Sequence
from time import perf_counter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.change_watch.charts import FOUND_WITHIN_DAYS
from ml.corpus.simulator.ledger import STUDIES, TABLE_A1
from ml.evaluation.cusum import Reference, Weights, chosen, tuned, weights_for

STREAMS = {"200 ECGs a day": 200, "60 ECGs a day": 60}
YEAR = 365.25
A_YEAR = 1.0
SEED = 33
KNOTS = 4


class Chart(NamedTuple):
    """A label and a direction in a stream: its true rate, and readings a day that count."""

    stream: str
    name: str
    rate: float
    a_day: float


def charts() -> list[Chart]:
    """Return the charts of all streams."""
    found = []
    for stream, ecgs in STREAMS.items():
        for label, (machine, overread, differ) in TABLE_A1.items():
            added, removed = (differ + overread - machine) / 2, (differ - overread + machine) / 2
            positive = machine / STUDIES
            found.append(Chart(stream, f"{label} added", added / (STUDIES - machine), ecgs * (1 - positive)))
            found.append(Chart(stream, f"{label} removed", removed / machine, ecgs * positive))
    return found


class Limits:
    """Limits of a chart by the events of its reference.

    Raises `ValueError` where a reference with as many events as expected is too small: the service does not watch then.
    """

    def __init__(self, chart: Chart, days: float, a_year: float) -> None:
        self.readings = round(chart.a_day * days)
        self.a_year_readings = chart.a_day * YEAR
        expected = round(self.readings * chart.rate)
        typical = chosen(self._reference(expected), a_year, FOUND_WITHIN_DAYS)
        if typical is None:
            raise ValueError("the reference is too small")
        self.odds = typical.odds
        spread = 4 * max(1.0, np.sqrt(expected))
        self.knots = np.unique(np.round(np.linspace(max(0, expected - spread), expected + spread + 2, KNOTS)))
        made = [tuned(self._reference(int(knot)), self.odds) for knot in self.knots]
        self.heights = [each.limit(a_year) / each.weights.unit for each in made]

    def _reference(self, events: int) -> Reference:
        return Reference(self.readings, min(events, self.readings), self.a_year_readings)

    def of(self, events: int) -> tuple[Weights, float]:
        """Return weights and limit of the chart whose reference has so many events."""
        weights = weights_for(self._reference(events).rate, self.odds)
        return weights, float(np.interp(events, self.knots, self.heights)) * weights.unit


def limits_of(chart: Chart, days: float, a_year: float) -> Limits | None:
    """Return the limits of a chart, whose reference is longer where it must be; None where a year is too short."""
    for factor in (1, 2, 4):
        try:
            return Limits(chart, factor * days, a_year)
        except ValueError:
            continue
    return None


def rings(
    rate: float, weights: Sequence[Weights], limits: NDArray[np.float64], readings: float, random: np.random.Generator
) -> NDArray[np.float64]:
    """Return after how many readings each of several charts rings; infinite where not within so many."""
    up, down = (np.array([getattr(each, name) for each in weights], np.float64) for name in ("up", "down"))
    statistic, read, at = np.zeros(len(up)), np.zeros(len(up)), np.full(len(up), np.inf)
    running = np.ones(len(up), np.bool_)
    while running.any():
        without = random.geometric(rate, len(up)) - 1
        read += without + 1
        statistic = np.maximum(0, statistic - down * without) + up
        running &= read <= readings
        rang = running & (statistic >= limits)
        at[rang] = read[rang]
        running &= ~rang
    return at


def quiet(years: int, days: float, random: np.random.Generator) -> None:
    """Print the false alarms of quiet years."""
    everything = charts()
    by_chart = {chart: limits_of(chart, days, A_YEAR / len(everything)) for chart in everything}
    known = {chart: limits for chart, limits in by_chart.items() if limits is not None}
    share = A_YEAR / len(everything)
    stated = share * len(known)
    print(f"{len(STREAMS)} streams, {len(everything)} charts with {A_YEAR:g} false alarm a year in all of them")
    print(f"{len(known)} of them have enough for a reference within {4 * days:g} days; stated for these: {stated:.3f}")
    total = np.zeros(years)
    by_stream: dict[str, float] = {}
    by_odds: dict[float, list[float]] = {}
    for chart, limits in known.items():
        made = [limits.of(int(events)) for events in random.binomial(limits.readings, chart.rate, years)]
        at = rings(
            chart.rate, [each for each, _ in made], np.array([limit for _, limit in made]), chart.a_day * YEAR, random
        )
        rang = np.isfinite(at)
        total += rang
        by_stream[chart.stream] = by_stream.get(chart.stream, 0) + rang.sum()
        by_odds.setdefault(limits.odds, []).append(rang.sum() / years / share)
    error = total.std() / np.sqrt(years)
    print(f"{years} quiet years: {total.mean():.3f} false alarms a year (standard error {error:.3f})")
    for stream, number in by_stream.items():
        print(f"  {stream}: {number / years:.3f}, stated {share * sum(each.stream == stream for each in known):.3f}")
    for odds, ratios in sorted(by_odds.items()):
        print(f"  charts for {odds:g} times the odds: {len(ratios)}, {np.mean(ratios):.2f} of what is stated for each")


def delays(years: int, days: float, random: np.random.Generator) -> None:
    """Print how many days a rise of removals takes to ring."""
    print("| removed | readings of the label a day | charts | rings within 14 days | median, 90th percentile, days |")
    print("|---|--:|--:|--:|--:|")
    for streams in (1, 3, 20):
        for before, after, a_day in ((0.06, 0.09, 200), (0.06, 0.09, 60), (0.06, 0.12, 60), (0.01, 0.03, 60)):
            count = 26 * streams
            limits = Limits(Chart("", "", before, a_day), days, A_YEAR / count)
            made = [limits.of(int(events)) for events in random.binomial(limits.readings, before, years)]
            at = rings(after, [each for each, _ in made], np.array([limit for _, limit in made]), a_day * YEAR, random)
            found = np.ceil(at / a_day)
            print(
                f"| {before:.0%} to {after:.0%} | {a_day} | {count} | {(found <= 14).mean():.1%} "
                f"| {np.quantile(found, 0.5):.0f}, {np.quantile(found, 0.9):.0f} |",
                flush=True,
            )


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, default=1000)
    parser.add_argument("--reference", type=float, default=90, help="days")
    given = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}; a reference of {given.reference:g} days")
    began = perf_counter()
    delays(given.years, given.reference, np.random.default_rng(SEED))
    quiet(given.years, given.reference, np.random.default_rng(SEED))
    print(f"{perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
