import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from ml import metrics


@st.composite
def ranked_rows(draw):
    """Scores with many ties, labels, and how often each row counts."""
    n = draw(st.integers(1, 30))
    levels = draw(st.integers(1, 8))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    return (
        random.integers(0, levels, n) / 7,
        random.random(n) < draw(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0])),
        random.integers(0, 4, (3, n)).astype(np.int32),
        random.random(n) < 0.8,
    )


@settings(max_examples=200)
@given(ranked_rows())
def test_figures_are_scikit_learns_on_rows_repeated_as_often_as_they_count(rows):
    scores, positive, weights, counts = rows
    auroc, auprc = metrics.Ranked(scores, positive, counts).auroc_auprc(weights)
    for draw, times in enumerate(weights * counts):
        label, score = np.repeat(positive, times), np.repeat(scores, times)
        if label.all() or not label.any():
            assert np.isnan([auroc[draw], auprc[draw]]).all()
        else:
            assert auroc[draw] == pytest.approx(roc_auc_score(label, score), abs=1e-12)
            assert auprc[draw] == pytest.approx(average_precision_score(label, score), abs=1e-12)


def test_macro_is_the_mean_over_labels_with_both_classes():
    random = np.random.default_rng(1)
    scores = random.normal(size=(50, 4))
    positive = random.random((50, 4)) < [0.5, 0.2, 0.0, 1.0]
    counts = random.random((50, 4)) < 0.7
    expected = [average_precision_score(positive[counts[:, k], k], scores[counts[:, k], k]) for k in (0, 1)]
    assert metrics.macro_auprc(scores, positive, counts) == pytest.approx(np.mean(expected))
    assert math.isnan(metrics.macro_auprc(scores[:, 2:], positive[:, 2:], counts[:, 2:]))
    assert math.isnan(metrics.macro_auprc(scores, positive, np.zeros_like(counts)))


def test_a_draw_takes_patients_with_all_their_rows(monkeypatch):
    monkeypatch.setattr(metrics, "_NUMBERS_A_CHUNK", 12)  # several chunks
    patients = np.array(["b", "a", "b", "c", "a", "b"])
    weights = np.concatenate(list(metrics._draws(patients, 500, seed=0)))
    assert weights.shape == (500, 6)
    for patient in "abc":
        times = weights[:, patients == patient]
        assert (times == times[:, :1]).all()
        assert times[:, 0].mean() == pytest.approx(1, abs=0.15)
    assert (weights[:, [0, 1, 3]].sum(axis=1) == 3).all()  # as many patients as there are


def test_the_bootstrap_is_each_draw_measured_on_its_own():
    random = np.random.default_rng(2)
    n = 60
    positive = random.random((n, 2)) < [0.4, 0.05]
    scores = random.normal(size=(n, 2)) + positive
    counts = random.random((n, 2)) < 0.9
    patients = random.integers(0, 25, n).astype(str)
    auroc, auprc = metrics.bootstrap(scores, positive, counts, patients, draws=40, seed=9)
    for draw, weights in enumerate(np.concatenate(list(metrics._draws(patients, 40, seed=9)))):
        for k in range(2):
            times = weights * counts[:, k]
            label, score = np.repeat(positive[:, k], times), np.repeat(scores[:, k], times)
            if label.all() or not label.any():
                assert np.isnan([auroc[draw, k], auprc[draw, k]]).all()
            else:
                assert auroc[draw, k] == pytest.approx(roc_auc_score(label, score))
                assert auprc[draw, k] == pytest.approx(average_precision_score(label, score))


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(3)
    truth = 0.760  # AUROC of two normals one standard deviation apart: Φ(1/√2)
    covered = 0
    for seed in range(100):
        positive = random.random((120, 1)) < 0.4
        scores = random.normal(size=(120, 1)) + positive
        patients = np.arange(120).astype(str)
        auroc, _ = metrics.bootstrap(scores, positive, np.ones_like(positive), patients, draws=200, seed=seed)
        low, high = metrics.percentile_interval(auroc[:, 0])
        covered += low <= truth <= high
    assert 88 <= covered <= 99


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
    positive = np.array([False, True, True, True, False])
    gap = 2 / 5 * abs(0.05 - 0.5) + 3 / 5 * abs(2.9 / 3 - 2 / 3)
    assert metrics.expected_calibration_error(probabilities, positive) == pytest.approx(gap)


def test_perfectly_calibrated_probabilities_have_nearly_no_error():
    random = np.random.default_rng(4)
    probabilities = random.random(200_000)
    positive = random.random(200_000) < probabilities
    assert metrics.expected_calibration_error(probabilities, positive) < 0.01
    assert metrics.expected_calibration_error(probabilities**3, positive) > 0.1
