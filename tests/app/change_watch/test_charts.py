"""The charts of a stream against the same counted reading by reading."""

from datetime import date, timedelta

import numpy as np
import pytest

from app.change_watch.charts import FEWEST, Chart, Day, Rule, compared_with, count, fresh, watched

RULE = Rule(false_alarms_a_year=2.0, reference_days=20)
FIRST = date(2026, 1, 1)
LABELS = ("afib", "lvh")
OF_ALL = 4


def day_of(random: np.random.Generator, number: int, removed: float, pairs: int = 60) -> Day:
    machine = random.random((pairs, 2)) < 0.5
    added = ~machine & (random.random((pairs, 2)) < 0.05)
    taken = machine & (random.random((pairs, 2)) < [removed, 0.1])
    return Day(FIRST + timedelta(days=number), machine, added, taken)


def learned(random: np.random.Generator) -> list[Chart]:
    charts = fresh(LABELS, FIRST)
    for number in range(20):
        assert watched(charts) == 0
        charts, rings = count(charts, day_of(random, number, 0.1), RULE, OF_ALL)
        assert rings == []
    return charts


def test_a_reference_is_the_first_days_and_does_not_change():
    random = np.random.default_rng(1)
    days = [day_of(random, number, 0.1) for number in range(30)]
    charts = fresh(LABELS, FIRST)
    for day in days:
        charts, _ = count(charts, day, RULE, OF_ALL)
    assert [(each.label, each.direction) for each in charts] == [
        (label, way) for way in ("added", "removed") for label in LABELS
    ]
    for place, chart in enumerate(charts):
        assert chart.state == "watching"
        assert (chart.reference_from, chart.reference_to) == (FIRST, FIRST + timedelta(days=19))
        assert chart.readings == sum(day.counted()[:, place].sum() for day in days[:20])
        assert chart.events == sum(day.events()[:, place].sum() for day in days[:20])
        assert chart.readings_a_year == pytest.approx(chart.readings / 20 * 365.25)


def test_a_chart_is_counted_as_by_hand_until_it_rings():
    random = np.random.default_rng(2)
    charts = learned(random)
    [place] = [at for at, each in enumerate(charts) if (each.label, each.direction) == ("afib", "removed")]
    limit = charts[place].limit(RULE.false_alarms_a_year / OF_ALL)
    statistic, readings, events, since, rang = 0, 0, 0, None, None
    for number in range(20, 120):
        day = day_of(random, number, 0.3)
        charts, rings = count(charts, day, RULE, OF_ALL)
        for is_counted, is_event in zip(day.counted()[:, place], day.events()[:, place], strict=True):
            if is_counted and rang is None:
                statistic = max(0, statistic + (charts[place].up if is_event else -charts[place].down))
                readings, events = (readings + 1, events + is_event) if statistic else (0, 0)
                since = (since or day.day) if statistic else None
                rang = day.day if statistic >= limit else None
        assert charts[place].statistic == statistic
        if statistic:
            assert (charts[place].since_readings, charts[place].since_events) == (readings, events)
            assert charts[place].since == since
        if rang is not None:
            assert [ring.chart for ring in rings] == [place]
            break
    assert rang is not None
    assert rang < FIRST + timedelta(days=40)  # three times the rate, some 30 readings a day
    assert charts[place].state == "ringing"
    after, rings = count(charts, day_of(random, 121, 0.9), RULE, OF_ALL)
    assert after[place] == charts[place]  # it waits for an answer
    assert rings == []


def test_a_reference_that_does_not_do_grows():
    random = np.random.default_rng(3)
    charts = fresh(LABELS, FIRST)
    for number in range(60):
        charts, _ = count(charts, day_of(random, number, 0.1, pairs=1), RULE, OF_ALL)
    assert watched(charts) == 0
    assert all(chart.readings < FEWEST for chart in charts)


def test_a_new_version_compares_with_the_version_before():
    random = np.random.default_rng(4)
    earlier = learned(random)
    [ringing, *others] = earlier
    ringing = ringing.model_copy(update={"state": "ringing", "statistic": 1000, "since": FIRST})
    unlearned = fresh(["rvh"], FIRST)
    later = FIRST + timedelta(days=300)
    begun = compared_with([ringing, *others, *unlearned], later)
    assert [chart.state for chart in begun] == ["watching"] * 4 + ["learning"] * 2
    for chart, known in zip(begun[:4], [ringing, *others], strict=True):
        assert (chart.readings, chart.events, chart.reference_to) == (known.readings, known.events, known.reference_to)
        assert (chart.statistic, chart.since) == (0, None)
    assert all(chart.reference_from == later and chart.readings == 0 for chart in begun[4:])


def test_charts_are_stored_as_they_are():
    for chart in learned(np.random.default_rng(5)):
        assert Chart(**chart.model_dump(mode="json")) == chart
