import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.metrics import f1_score

from ml.calibration import best_f1_threshold, operating_point, platt


@given(st.integers(0, 2**32), st.integers(1, 25), st.integers(1, 6))
def test_no_threshold_has_a_higher_f1(seed, n, levels):
    random = np.random.default_rng(seed)
    scores = random.integers(0, levels, n) / levels
    positive = random.random(n) < 0.4
    positive[random.integers(n)] = True
    threshold = best_f1_threshold(scores, positive)
    reached = f1_score(positive, scores >= threshold)
    assert 0 <= threshold <= 1
    assert reached == pytest.approx(max(f1_score(positive, scores >= each) for each in scores))


def test_the_threshold_lies_between_the_scores_it_parts():
    scores, positive = np.array([0.9, 0.8, 0.2, 0.1]), np.array([True, True, False, False])
    assert best_f1_threshold(scores, positive) == pytest.approx(0.5)


@pytest.mark.parametrize("low", [0.3, np.nextafter(0.3, 1)])  # halfway is rounded up for one, down for the other
def test_scores_that_are_neighbours_in_floating_point_are_parted_too(low):
    high = np.nextafter(low, 1)
    threshold = best_f1_threshold(np.array([high, low]), np.array([True, False]))
    assert low < threshold <= high


def test_platt_recovers_the_line_the_labels_were_drawn_from():
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, 50_000)
    slope, bias = platt(logits, random.random(50_000) < expit(0.6 * logits - 1.5))
    assert (slope, bias) == (pytest.approx(0.6, abs=0.03), pytest.approx(-1.5, abs=0.04))


def test_platt_stays_finite_where_labels_are_separable_and_never_turns_the_ranking():
    logits = np.linspace(-3, 3, 40)
    assert 0 < platt(logits, logits > 0)[0] < 20
    assert platt(logits, logits < 0)[0] == 0


@pytest.mark.parametrize(
    ("positives", "rules"),
    [
        (0, ("default", "identity")),
        (4, ("max_f1", "identity")),
        (5, ("max_f1", "platt")),
        (20, ("default", "identity")),
    ],
)
def test_too_few_of_a_class_leave_the_defaults(positives, rules):
    positive = np.arange(20) < positives
    point = operating_point(np.where(positive, 2.0, -1.0), positive)
    assert (point.threshold_rule, point.calibration_rule) == rules
    if point.threshold_rule == "default":
        assert point.threshold == 0.5
    if point.calibration_rule == "identity":
        assert (point.slope, point.bias) == (1.0, 0.0)
