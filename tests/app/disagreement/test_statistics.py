"""The statistics against their textbooks, and the counting against a slow obvious count."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from app.disagreement import statistics
from app.disagreement.counting.selection import PairFilter, are_separate
from app.disagreement.outcomes import COUNTED, Direction, by_count, changed, outcomes_of
from app.disagreement.statistics import LabelCounts, Masks
from ml.corpus.simulator.ledger import TABLE_A1
from ml.corpus.sources import Hedged

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MASK = st.integers(0, 2**13 - 1)
PAIRS = st.lists(st.tuples(MASK, MASK, MASK, MASK, st.integers(0, 2)), max_size=30)
HEDGED = st.sampled_from(["positive", "negative", "ignore"])


def one(both: int, added: int, removed: int, neither: int) -> LabelCounts:
    return LabelCounts(*(np.array([number]) for number in (both, added, removed, neither)))


@given(PAIRS, HEDGED)
def test_counting_cells_is_counting_pairs(pairs: list[tuple[int, int, int, int, int]], hedged: Hedged) -> None:
    columns = np.array(pairs, np.int64).reshape(-1, 5).T
    rows = np.arange(len(pairs))
    counts = statistics.count(
        Masks(*columns[:4]), 13, hedged, cell=rows, pairs=np.ones_like(rows), group=columns[4], groups=3
    )
    names = {(True, True): "both", (False, True): "added", (True, False): "removed", (False, False): "neither"}
    expected = {name: np.zeros((3, 13), np.int64) for name in names.values()}
    for machine, machine_hedged, overread, overread_hedged, group in pairs:
        for bit in range(13):
            if hedged == "ignore" and (machine_hedged | overread_hedged) >> bit & 1:
                continue
            if hedged == "positive":
                said = (bool((machine | machine_hedged) >> bit & 1), bool((overread | overread_hedged) >> bit & 1))
            else:
                said = (bool(machine >> bit & 1), bool(overread >> bit & 1))
            expected[names[said]][group, bit] += 1
    for name, table in expected.items():
        assert (getattr(counts, name) == table).all()


@given(MASK, MASK, MASK, MASK, HEDGED)
def test_an_outcome_says_what_the_masks_say(m: int, mu: int, o: int, ou: int, hedged: Hedged) -> None:
    masks = Masks(*(np.array([mask]) for mask in (m, mu, o, ou)))
    directions: list[tuple[Direction, int]] = [
        ("added", int(masks.added(hedged)[0])),
        ("removed", int(masks.removed(hedged)[0])),
        ("both", int((masks.added(hedged) | masks.removed(hedged))[0])),
    ]
    for bit in range(13):
        machine, overread = (m >> bit & 1) + 2 * (mu >> bit & 1), (o >> bit & 1) + 2 * (ou >> bit & 1)
        for direction, mask in directions:
            assert (16 * bit + machine + 4 * overread in outcomes_of(bit, direction, hedged)) == bool(mask >> bit & 1)


def test_outcomes_that_count_are_sorted_by_how_many_labels_differ() -> None:
    three, two, none = COUNTED | 3 << 12 | 1 << 6, COUNTED | 2 << 12 | 5 << 6 | 2, COUNTED | 0 << 12 | 1 << 6
    assert list(by_count([two, none, three], "positive")) == [(3, [three]), (2, [two])]
    assert list(by_count([two, none, three], "negative")) == [(5, [two]), (1, sorted([three, none]))]
    assert changed(two, "ignore") == 2


@pytest.mark.parametrize("label", TABLE_A1)
def test_table_a1s_counts_give_its_percentages(label: str) -> None:
    m, o, d = TABLE_A1[label]
    added, removed = (d + o - m) // 2, (d - o + m) // 2
    counts = one(m - removed, added, removed, 2_030_000 - m - added)
    gain = statistics.relative_gain(counts.added, counts.machine)
    assert gain.value[0] == added / m and gain.low[0] < gain.value[0] < gain.high[0]
    assert [int(n[0]) for n in (counts.machine, counts.overread, counts.disagreement, counts.pairs)] == [
        m, o, d, 2_030_000,
    ]  # fmt: skip


@given(*[st.integers(0, 500)] * 4)
def test_intervals_are_the_textbooks(both: int, added: int, removed: int, neither: int) -> None:
    counts = one(both, added, removed, neither)
    rate = statistics.proportion(counts.removed, counts.machine)
    if both + removed:
        expected = proportion_confint(removed, both + removed, method="wilson")
        assert (rate.low[0], rate.high[0]) == pytest.approx(expected, abs=1e-9)
    else:
        assert np.isnan([rate.value, rate.low, rate.high]).all()
    gain = statistics.relative_gain(counts.added, counts.machine)
    assert bool(np.isnan(gain.value[0])) == bool(np.isnan(gain.high[0])) == (both + removed == 0)
    kappa = statistics.kappa(counts)
    pairs = both + added + removed + neither
    if pairs in (0, both, neither):
        assert np.isnan([kappa.value, kappa.low, kappa.high]).all()
    else:
        with np.errstate(invalid="ignore", divide="ignore"):  # a variance of zero comes out of theirs as -1e-20
            theirs = cohens_kappa([[neither, added], [removed, both]])
        assert kappa.value[0] == pytest.approx(theirs.kappa, abs=1e-9)
        low = theirs.kappa_low if np.isfinite(theirs.kappa_low) else theirs.kappa
        assert kappa.low[0] == pytest.approx(max(-1, low), abs=1e-6)
    p = mcnemar([[neither, added], [removed, both]], exact=True).pvalue
    assert statistics.mcnemar(counts)[0] == pytest.approx(p, rel=1e-9, abs=1e-12)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_kappa_is_scikit_learns(readings: list[tuple[bool, bool]]) -> None:
    counts = one(*(sum(pair == kind for pair in readings) for kind in [(1, 1), (0, 1), (1, 0), (0, 0)]))
    if len(set(readings)) > 1 or readings[0][0] != readings[0][1]:
        assert statistics.kappa(counts).value[0] == pytest.approx(
            cohen_kappa_score(*zip(*readings, strict=True), labels=[False, True]), abs=1e-9
        )


def test_mcnemars_p_of_large_counts_is_right() -> None:
    counts = one(0, 1_010_000, 1_000_000, 0)
    z = 10_000 / np.sqrt(2_010_000)  # the normal approximation is good there
    from scipy.stats import norm

    assert statistics.mcnemar(counts)[0] == pytest.approx(2 * norm.sf(z), rel=1e-3)


@pytest.mark.parametrize("ecgs", [20, 75, 300])
@pytest.mark.parametrize("reliability", [0.75, 0.9, 0.97])
def test_the_interval_of_few_holds_the_true_kappa(ecgs: int, reliability: float) -> None:
    draw = np.random.default_rng(3)
    truth = draw.random((4000, ecgs)) < 0.25
    first, second = (truth ^ (draw.random(truth.shape) > reliability) for _ in range(2))
    counts = LabelCounts(
        *(cell.sum(axis=1) for cell in (first & second, ~first & second, first & ~second, ~first & ~second))
    )
    agree = reliability**2 + (1 - reliability) ** 2
    positive = 0.25 * reliability + 0.75 * (1 - reliability)
    expected = positive**2 + (1 - positive) ** 2
    true = (agree - expected) / (1 - expected)
    found = statistics.kappa_of_few(counts)
    known = ~np.isnan(found.value)
    assert np.mean((found.low <= true)[known] & (true <= found.high)[known]) >= 0.92
    assert ((found.low <= found.value) & (found.value <= found.high))[known].all()
    np.testing.assert_array_equal(found.value, statistics.kappa(counts).value)


@given(st.integers(0, 400), st.integers(1, 400), st.integers(0, 400), st.integers(1, 400))
def test_the_difference_of_two_proportions_is_newcombes(x1: int, n1: int, x2: int, n2: int) -> None:
    x1, x2 = min(x1, n1), min(x2, n2)
    ours = statistics.difference(
        statistics.proportion(np.array([x1]), np.array([n1])), statistics.proportion(np.array([x2]), np.array([n2]))
    )
    low, high = confint_proportions_2indep(x1, n1, x2, n2, compare="diff", method="newcomb")
    assert (ours.low[0], ours.high[0]) == pytest.approx((low, high), abs=1e-9)
    assert ours.low[0] <= ours.value[0] <= ours.high[0]


@pytest.mark.parametrize(
    ("a", "b", "is_separate"),
    [
        ({"site": "x"}, {"site": "y"}, True),
        ({"site": "x"}, {"site": "x"}, False),
        ({"site": "x"}, {"device": "y"}, False),
        ({}, {}, False),
        ({"age_min": 60}, {"age_max": 59.5}, True),
        ({"age_max": 59.5}, {"age_min": 60}, True),
        ({"age_min": 60}, {"age_max": 60}, False),  # both ends are inclusive
        ({"simulated": True}, {"simulated": False}, True),
        ({"recorded_from": NOON}, {"recorded_to": NOON}, True),  # the end is exclusive
        ({"recorded_to": NOON}, {"recorded_from": NOON}, True),
        ({"recorded_from": NOON}, {"recorded_from": NOON}, False),
        ({"off_hours": True}, {"off_hours": False}, True),
    ],
)
def test_choices_are_separate_where_no_pair_has_both(a: dict[str, Any], b: dict[str, Any], is_separate: bool) -> None:
    assert are_separate(PairFilter(**a), PairFilter(**b)) is is_separate
