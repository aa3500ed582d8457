"""A machine that errs by rule errs as often as it is told to, and on the ECGs that its scores name."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.corpus.simulator.ledger import STUDIES, TABLE_A1
from ml.rules.machine import ErrorRates, fit_errors


def world(seed: int, count: int = 4000, prevalence: float = 0.2) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    rng = np.random.default_rng(seed)
    is_true = rng.random(count) < prevalence
    return rng.standard_normal(count) + 2 * is_true, is_true, rng


@pytest.mark.parametrize("label", TABLE_A1)
@pytest.mark.parametrize("chance", [0.0, 0.3, 1.0])
def test_the_errors_of_table_a1_come_out(label: str, chance: float) -> None:
    rates = ErrorRates.of_counts(*TABLE_A1[label], STUDIES)
    scores, is_true, rng = world(1, count=20_000)
    said = fit_errors(scores, is_true, rates, chance=chance).said(scores, is_true, rng)
    within = 0 if chance == 0 else 4
    for errs, rate, count in (
        (~said[is_true], rates.missed, is_true.sum()),
        (said[~is_true], rates.false, (~is_true).sum()),
    ):
        assert abs(errs.sum() - rate * count) <= 1 + within * np.sqrt(rate * count)


def test_misses_are_the_weakest_and_false_ones_the_nearest() -> None:
    scores, is_true, rng = world(2)
    said = fit_errors(scores, is_true, ErrorRates(0.25, 0.05)).said(scores, is_true, rng)
    assert scores[is_true & ~said].max() < scores[is_true & said].min()
    assert scores[~is_true & said].min() > scores[~is_true & ~said].max()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_no_more_errors_by_rule_than_asked_for_even_among_equal_scores(
    seed: int, missed: float, false: float, chance: float
) -> None:
    scores, is_true, _ = world(seed, count=60)
    scores = np.where(scores < -1, np.nan, scores.round())
    is_true[:2] = [True, False]
    fitted = fit_errors(scores, is_true, ErrorRates(missed, false), chance=chance)
    known = np.where(np.isnan(scores), -np.inf, scores)
    by_rule = (known[is_true] < fitted.found_from).mean(), (known[~is_true] >= fitted.said_from).mean()
    assert by_rule[0] <= missed + 0.5 / is_true.sum() and by_rule[1] <= false + 0.5 / (~is_true).sum()
    for made, extra, rate in zip(
        by_rule, (fitted.missed_by_chance, fitted.said_by_chance), (missed, false), strict=True
    ):
        assert made + (1 - made) * extra >= rate - 1e-9, "what the rule leaves is made up by chance"


def test_what_cannot_be_fitted_is_refused() -> None:
    scores, is_true, _ = world(3)
    with pytest.raises(ValueError, match="with it and without"):
        fit_errors(scores, np.ones_like(is_true), ErrorRates(0.1, 0.1))
    with pytest.raises(ValueError, match="chance"):
        fit_errors(scores, is_true, ErrorRates(0.1, 0.1), chance=1.5)
    with pytest.raises(ValueError, match="between 0 and 1"):
        ErrorRates(1.1, 0)
