import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.evaluation.cusum import FINEST, HEIGHTS, Reference, chosen, run, run_length, tuned, weights_for

SHARES = st.floats(0.0005, 0.9)


@given(SHARES, st.sampled_from([1.5, 2.0, 3.0, 5.0]))
def test_the_statistic_falls_at_the_reference_and_rises_after_the_rise(rate, odds):
    weights = weights_for(rate, odds)
    raised = odds * rate / (1 - rate + odds * rate)
    assert rate * weights.up < (1 - rate) * weights.down
    assert raised * weights.up > (1 - raised) * weights.down
    up, down = math.log(raised / rate), math.log((1 - rate) / (1 - raised))
    assert abs(weights.up - up * weights.unit) <= 0.5 + 1e-9 and abs(weights.down - down * weights.unit) <= 0.5 + 1e-9
    assert min(weights.up, weights.down) == FINEST  # so no weight is off by more than half of 1 in FINEST


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 3), st.integers(0, 60))
def test_charts_of_many_are_those_of_each_counted_one_by_one(seed, charts, readings):
    random = np.random.default_rng(seed)
    counted = random.random((readings, charts)) < 0.7
    events = random.random((readings, charts)) < 0.3
    weights = [weights_for(rate, 2.0) for rate in random.uniform(0.05, 0.5, charts)]
    start = random.integers(0, 20, charts)
    path = run(start, counted, events, weights)
    for chart, each in enumerate(weights):
        statistic = start[chart]
        for reading in range(readings):
            if counted[reading, chart]:
                statistic = max(0, statistic + (each.up if events[reading, chart] else -each.down))
            assert path[reading, chart] == statistic


def simulated_run_length(rate, weights, limit, draws, random):
    statistic, read, running = np.zeros(draws), np.zeros(draws), np.ones(draws, bool)
    while running.any():
        without = random.geometric(rate, draws) - 1
        statistic = np.where(running, np.maximum(0, statistic - weights.down * without) + weights.up, statistic)
        read += np.where(running, without + 1, 0)
        running &= statistic < limit
    return read.mean(), read.std() / math.sqrt(draws)


@pytest.mark.parametrize("rate", [0.4, 0.06, 0.01, 0.0005])
@pytest.mark.parametrize("odds", [1.5, 3.0])
def test_the_run_length_is_that_of_charts_that_are_run(rate, odds):
    weights = weights_for(rate, odds)
    limit = math.ceil(3 * weights.unit)
    mean, error = simulated_run_length(rate, weights, limit, 3000, np.random.default_rng(1))
    assert abs(run_length(rate, weights, limit) - mean) < 4 * error + 0.12 * mean


def test_the_run_length_is_the_solution_of_the_chain_written_out():
    weights, limit, rate = weights_for(0.2, 2.0), 40, 0.2
    chain = np.zeros((limit, limit))
    for state in range(limit):
        chain[state, max(0, state - weights.down)] += 1 - rate
        if state + weights.up < limit:
            chain[state, state + weights.up] += rate
    expected = np.linalg.solve(np.eye(limit) - chain, np.ones(limit))[0]
    assert run_length(rate, weights, limit) == pytest.approx(expected)


def test_a_higher_limit_gives_fewer_false_alarms_and_a_better_reference_too():
    small, large = tuned(Reference(500, 30, 5000), 2.0), tuned(Reference(50_000, 3000, 5000), 2.0)
    for chart in (small, large):
        assert list(chart.false_alarms) == sorted(chart.false_alarms, reverse=True)
    assert all(few > many for few, many in zip(small.false_alarms[1:], large.false_alarms[1:], strict=True))
    assert small.limit(0.1) > large.limit(0.1)
    assert large.limit(0.01) > large.limit(0.1)


def test_between_two_limits_that_were_computed_it_is_interpolated():
    chart = tuned(Reference(20_000, 1200, 73_000), 1.5)
    for limit, a_year in zip(chart.limits[1:-1], chart.false_alarms[1:-1], strict=True):
        assert chart.limit(a_year) == pytest.approx(limit, abs=1)
    assert chart.limits == pytest.approx(HEIGHTS * chart.weights.unit)


def test_a_reference_that_is_too_small_makes_no_chart():
    assert chosen(Reference(20, 1, 5000), 0.01, 60) is None
    assert chosen(Reference(20_000, 1000, 80_000), 0.01, 60) is not None


def test_a_reference_without_an_event_makes_a_chart_that_a_few_events_do_not_ring():
    chart = chosen(Reference(4000, 0, 16_000), 0.05, 60)
    assert chart is not None
    assert chart.limit(0.05) > 2 * chart.weights.up


def test_where_a_small_rise_is_found_in_time_the_chart_is_tuned_for_it():
    often, seldom = Reference(18_000, 1080, 73_000), Reference(2000, 20, 8000)
    assert chosen(often, 0.02, 60).odds == 1.5
    assert chosen(seldom, 0.02, 60).odds > 1.5


@pytest.mark.slow
def test_quiet_years_ring_as_often_as_is_said():
    """References are drawn anew: what they leave uncertain is in the figure."""
    random = np.random.default_rng(2)
    rate, a_day, days, a_year, years = 0.06, 30, 90, 0.2, 1500
    readings = a_day * days
    made = {}
    rang = 0
    for events in random.binomial(readings, rate, years):
        if events not in made:
            chart = tuned(Reference(readings, int(events), a_day * 365.25), 2.0)
            made[events] = (chart.weights, chart.limit(a_year))
        weights, limit = made[events]
        day = random.random((round(a_day * 365.25), 1)) < rate
        rang += (run(np.zeros(1, np.int64), np.ones_like(day), day, [weights]) >= limit).any()
    assert 0.8 * a_year < rang / years < 1.2 * a_year
