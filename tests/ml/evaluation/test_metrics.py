import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, precision_recall_curve, roc_auc_score, roc_curve

from ml.evaluation import metrics


@st.composite
def ranked_rows(draw):
    """Scores with many ties, labels, which rows count, and how often."""
    n = draw(st.integers(1, 30))
    levels = draw(st.integers(1, 8))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    return (
        random.integers(0, levels, n) / 7,
        random.random(n) < draw(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0])),
        random.integers(0, 4, n),
        random.random(n) < 0.8,
    )


def curves_by_hand(label, score):
    """TPR at each FPR of the grid, straight between scikit-learn's points; precision of the first point at a recall."""
    fpr, tpr, _ = roc_curve(label, score, drop_intermediate=False)
    precision, recall, _ = precision_recall_curve(label, score)
    precision, recall = precision[-2::-1], recall[-2::-1]  # from the highest threshold; its last point is made up
    roc, pr = [], []
    for x in metrics.CURVE_GRID:
        after = np.flatnonzero(fpr > x + 1e-9)
        if not len(after):
            roc.append(1.0)
        else:
            i = after[0]
            share = (x - fpr[i - 1]) / (fpr[i] - fpr[i - 1])
            roc.append(tpr[i - 1] + share * (tpr[i] - tpr[i - 1]))
        pr.append(precision[np.flatnonzero(recall >= max(x - 1e-9, 1e-9))[0]])
    return roc, pr


@settings(max_examples=300, deadline=None)
@given(ranked_rows())
def test_figures_and_curves_are_scikit_learns_on_rows_repeated_as_often_as_they_count(rows):
    scores, positive, weights, counts = rows
    measured = metrics.Ranked(scores, positive, counts).measure(weights.astype(float), curves=True)
    times = weights * counts
    label, score = np.repeat(positive, times), np.repeat(scores, times)
    if label.all() or not label.any():
        assert np.isnan([measured.auroc, measured.auprc, *measured.tpr, *measured.precision]).all()
        return
    assert measured.auroc == pytest.approx(roc_auc_score(label, score), abs=1e-12)
    assert measured.auprc == pytest.approx(average_precision_score(label, score), abs=1e-12)
    roc, pr = curves_by_hand(label, score)
    np.testing.assert_allclose(measured.tpr, roc, atol=1e-9)
    np.testing.assert_allclose(measured.precision, pr, atol=1e-9)


def test_macro_is_the_mean_over_labels_with_both_classes():
    random = np.random.default_rng(1)
    scores = random.normal(size=(50, 4))
    positive = random.random((50, 4)) < [0.5, 0.2, 0.0, 1.0]
    counts = random.random((50, 4)) < 0.7
    expected = [average_precision_score(positive[counts[:, k], k], scores[counts[:, k], k]) for k in (0, 1)]
    assert metrics.macro_auprc(scores, positive, counts) == pytest.approx(np.mean(expected))
    assert math.isnan(metrics.macro_auprc(scores[:, 2:], positive[:, 2:], counts[:, 2:]))
    assert math.isnan(metrics.macro_auprc(scores, positive, np.zeros_like(counts)))


def test_an_interval_needs_half_of_the_draws():
    assert metrics.percentile_interval(np.array([np.nan, np.nan, 1.0])) is None
    assert metrics.percentile_interval(np.full(3, np.nan)) is None
    assert metrics.percentile_interval(np.array([np.nan, 0.5, 0.5])) == (0.5, 0.5)


@given(st.integers(0, 2**32))
def test_brier_is_scikit_learns(seed):
    random = np.random.default_rng(seed)
    probabilities, positive = random.random(30), random.random(30) < 0.5
    assert metrics.brier_score(probabilities, positive) == pytest.approx(
        brier_score_loss(positive, probabilities, labels=[False, True])
    )


def test_calibration_error_is_the_gap_a_bin_weighted_by_size():
    probabilities = np.array([0.05, 0.05, 0.95, 0.95, 1.0])
    curve = metrics.reliability(probabilities, np.array([False, True, True, True, False]))
    assert curve.rows.tolist() == [2, *[0] * 8, 3]
    assert (curve.predicted[0], curve.observed[0]) == (pytest.approx(0.05), 0.5)
    assert np.isnan(curve.predicted[1:9]).all() and np.isnan(curve.observed[1:9]).all()
    gap = 2 / 5 * abs(0.05 - 0.5) + 3 / 5 * abs(2.9 / 3 - 2 / 3)
    assert curve.expected_calibration_error() == pytest.approx(gap)


def test_perfectly_calibrated_probabilities_have_nearly_no_error():
    random = np.random.default_rng(4)
    probabilities = random.random(200_000)
    positive = random.random(200_000) < probabilities
    assert metrics.reliability(probabilities, positive).expected_calibration_error() < 0.01
    assert metrics.reliability(probabilities**3, positive).expected_calibration_error() > 0.1
