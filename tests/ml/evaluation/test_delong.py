import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from ml.evaluation.bootstrap import bootstrap
from ml.evaluation.delong import delong


def by_pairs(scores, positive, patients):
    """Obuchowski's variance from every pair of a positive and a negative; DeLong's where a patient has one row."""
    kernels = [
        (column[positive][:, None] > column[~positive]) + 0.5 * (column[positive][:, None] == column[~positive])
        for column in scores.T
    ]
    auroc = [kernel.mean() for kernel in kernels]
    of_positive, of_negative = patients[positive], patients[~positive]
    covariance = np.zeros((2, 2))
    everyone = np.unique(patients)
    m, n = positive.sum(), (~positive).sum()
    for a in range(2):
        for b in range(2):
            s10 = s01 = s11 = 0.0
            for who in everyone:
                ten, one = of_positive == who, of_negative == who
                v10 = [(kernels[k].mean(1)[ten] - auroc[k]).sum() for k in (a, b)]
                v01 = [(kernels[k].mean(0)[one] - auroc[k]).sum() for k in (a, b)]
                s10 += v10[0] * v10[1]
                s01 += v01[0] * v01[1]
                s11 += v10[0] * v01[1] + v01[0] * v10[1]
            i10, i01, i = len(np.unique(of_positive)), len(np.unique(of_negative)), len(everyone)
            covariance[a, b] = i10 / (i10 - 1) * s10 / m**2 + i01 / (i01 - 1) * s01 / n**2 + i / (i - 1) * s11 / (m * n)
    return auroc, covariance


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.integers(6, 40), st.integers(2, 20), st.sampled_from([3, 20, 40]))
def test_it_is_the_sum_over_pairs(seed, n, levels, patients):
    random = np.random.default_rng(seed)
    positive = random.random(n) < 0.5
    scores = random.integers(0, levels, (n, 2)) / levels
    who = random.integers(0, patients, n).astype(str)
    result = delong(scores, positive, who)
    if min(len(np.unique(who[positive])), len(np.unique(who[~positive]))) < 2:
        assert result is None
        return
    auroc, covariance = by_pairs(scores, positive, who)
    np.testing.assert_allclose(result.auroc, auroc, atol=1e-12)
    np.testing.assert_allclose(result.auroc, [roc_auc_score(positive, column) for column in scores.T], atol=1e-12)
    np.testing.assert_allclose(result.covariance, covariance, atol=1e-12)


def test_a_score_compared_with_itself_has_no_z():
    random = np.random.default_rng(0)
    scores = np.repeat(random.random((30, 1)), 2, axis=1)
    result = delong(scores, random.random(30) < 0.5, np.arange(30).astype(str))
    assert (result.z, result.p) == (None, None)


def test_p_is_of_the_normal_distribution_both_sides():
    random = np.random.default_rng(1)
    positive = random.random(200) < 0.4
    scores = random.normal(size=(200, 2)) + positive[:, None] * [1.5, 0.8]
    result = delong(scores, positive, np.arange(200).astype(str))
    assert result.z > 0
    assert result.p == pytest.approx(2 * (1 - 0.5 * (1 + math.erf(result.z / math.sqrt(2)))))


def test_several_rows_of_a_patient_are_counted_as_the_bootstrap_counts_them():
    random = np.random.default_rng(2)
    each, patients = 4, 150
    ill = random.random(patients) < 0.5
    positive = np.repeat(ill, each)
    own = np.repeat(random.normal(size=(patients, 2)), each, axis=0)  # what a patient's ECGs have in common
    scores = positive[:, None] * [1.2, 1.0] + own + 0.3 * random.normal(size=(patients * each, 2))
    who = np.repeat(np.arange(patients), each).astype(str)
    both = np.repeat(positive[:, None], 2, axis=1)
    drawn = bootstrap(scores, both, np.ones_like(both), who, draws=1000, seed=0)
    error = np.sqrt(np.diag(delong(scores, positive, who).covariance))
    np.testing.assert_allclose(error, drawn.auroc.std(axis=0), rtol=0.1)
    naive = np.sqrt(np.diag(delong(scores, positive, np.arange(len(who)).astype(str)).covariance))
    assert (naive < 0.7 * error).all()


def test_under_no_difference_one_in_twenty_is_significant():
    random = np.random.default_rng(3)
    significant = 0
    for _ in range(400):
        positive = random.random(120) < 0.4
        scores = random.normal(size=(120, 2)) + positive[:, None]
        significant += delong(scores, positive, np.arange(120).astype(str)).p < 0.05
    assert 0.025 < significant / 400 < 0.085
