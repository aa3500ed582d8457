import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import f1_score, recall_score

from ml.evaluation.calibration import isotonic, operating_point, platt, probability, thresholds

UNHURRIED = settings(deadline=None)  # scikit-learn takes its time on a busy machine


@st.composite
def scored_rows(draw):
    n, levels = draw(st.integers(2, 25)), draw(st.integers(1, 6))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    positive = random.random(n) < 0.4
    positive[:2] = True, False
    return random.integers(0, levels, n) / levels, positive


@UNHURRIED
@given(scored_rows())
def test_no_threshold_has_a_higher_f1(rows):
    scores, positive = rows
    threshold = thresholds(scores, positive)["max_f1"]
    reached = f1_score(positive, scores >= threshold)
    assert 0 <= threshold <= 1
    assert reached == pytest.approx(max(f1_score(positive, scores >= each) for each in scores))


@UNHURRIED
@given(scored_rows())
def test_no_threshold_has_a_higher_youden_index(rows):
    def youden(threshold):
        called = scores >= threshold
        return recall_score(positive, called) + recall_score(~positive, ~called) - 1

    scores, positive = rows
    reached = youden(thresholds(scores, positive)["youden"])
    assert reached == pytest.approx(max(youden(each) for each in scores))


@UNHURRIED
@given(scored_rows(), st.sampled_from([0.01, 0.5, 0.7, 0.9, 1.0]))
def test_the_sensitivity_asked_for_is_reached_by_the_highest_threshold_that_reaches_it(rows, wanted):
    scores, positive = rows
    threshold = thresholds(scores, positive, wanted)["sensitivity"]
    assert recall_score(positive, scores >= threshold) >= wanted - 1e-9
    for higher in scores[scores > threshold]:
        stricter = scores > higher if (scores >= threshold).sum() == (scores >= higher).sum() else scores >= higher
        assert recall_score(positive, stricter) < wanted - 1e-9


def test_the_threshold_lies_between_the_scores_it_parts():
    scores, positive = np.array([0.9, 0.8, 0.2, 0.1]), np.array([True, True, False, False])
    assert thresholds(scores, positive) == dict.fromkeys(["max_f1", "youden", "sensitivity"], pytest.approx(0.5))


@pytest.mark.parametrize("low", [0.3, np.nextafter(0.3, 1)])  # halfway is rounded up for one, down for the other
def test_scores_that_are_neighbours_in_floating_point_are_parted_too(low):
    high = np.nextafter(low, 1)
    assert low < thresholds(np.array([high, low]), np.array([True, False]))["max_f1"] <= high


def test_platt_recovers_the_line_the_labels_were_drawn_from():
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, 50_000)
    slope, bias = platt(logits, random.random(50_000) < expit(0.6 * logits - 1.5))
    assert (slope, bias) == (pytest.approx(0.6, abs=0.03), pytest.approx(-1.5, abs=0.04))


def test_platt_stays_finite_where_labels_are_separable_and_never_turns_the_ranking():
    logits = np.linspace(-3, 3, 40)
    assert 0 < platt(logits, logits > 0)[0] < 20
    assert platt(logits, logits < 0)[0] == 0


@UNHURRIED
@given(st.integers(0, 2**32), st.integers(2, 40), st.integers(1, 40))
def test_isotonic_is_scikit_learns(seed, n, levels):
    random = np.random.default_rng(seed)
    logits = np.round(random.normal(size=n) * levels) / levels
    positive = random.random(n) < expit(2 * logits)
    reference = IsotonicRegression(out_of_bounds="clip").fit(logits, positive)
    asked = random.normal(size=50) * 2
    np.testing.assert_allclose(
        probability(asked, 1, 0, isotonic(logits, positive)), reference.predict(asked), atol=1e-12
    )


@pytest.mark.parametrize("calibrate", ["platt", "isotonic"])
@pytest.mark.parametrize(
    ("positives", "rules"),
    [
        (0, ("default", "identity")),
        (4, ("max_f1", "identity")),
        (5, ("max_f1", None)),
        (20, ("default", "identity")),
    ],
)
def test_too_few_of_a_class_leave_the_defaults(positives, rules, calibrate):
    positive = np.arange(20) < positives
    logits = np.where(positive, 2.0, -1.0)
    point = operating_point(logits, positive, calibrate=calibrate)
    assert (point.threshold_rule, point.calibration_rule) == (rules[0], rules[1] or calibrate)
    if point.threshold_rule == "default":
        assert (point.threshold, point.thresholds) == (0.5, {})
    if point.calibration_rule == "identity":
        assert (point.slope, point.bias, point.knots) == (1.0, 0.0, ())
        np.testing.assert_allclose(point.probability(logits), expit(logits))


def test_the_threshold_in_use_is_the_rule_s_that_was_asked_for():
    random = np.random.default_rng(5)
    positive = random.random(300) < 0.1
    logits = random.normal(size=300) + positive
    points = [operating_point(logits, positive, rule, sensitivity=0.8) for rule in ("max_f1", "youden", "sensitivity")]
    assert [point.threshold for point in points] == list(points[0].thresholds.values())
    assert len({point.threshold for point in points}) == 3
