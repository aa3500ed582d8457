"""Scores that are NaN or infinite are refused wherever something is measured: sorted, they would be a figure."""

import numpy as np
import pytest

from ml.evaluation import calibration, metrics
from ml.evaluation.bootstrap import bootstrap
from ml.evaluation.bootstrap_on_gpu import bootstrap_on
from ml.evaluation.compare import compare
from ml.evaluation.delong import delong
from ml.evaluation.draws import Patients
from ml.evaluation.metrics import NotFinite
from ml.study.measure import Truth, measure

ROWS = 40
POSITIVE = np.arange(ROWS)[:, None] % 3 == 0
COUNTS = np.ones((ROWS, 1), bool)
PATIENTS = np.arange(ROWS).astype(str)

MEASURES = {
    "auroc_auprc": lambda s: metrics.auroc_auprc(s, POSITIVE, COUNTS),
    "macro_auprc": lambda s: metrics.macro_auprc(s, POSITIVE, COUNTS),
    "brier_score": lambda s: metrics.brier_score(s[:, 0], POSITIVE[:, 0]),
    "reliability": lambda s: metrics.reliability(s[:, 0], POSITIVE[:, 0]),
    "bootstrap": lambda s: bootstrap(s, POSITIVE, COUNTS, PATIENTS, draws=20, seed=0),
    "bootstrap_on": lambda s: bootstrap_on(
        s, POSITIVE, COUNTS, Patients(PATIENTS, 0), draws=20, curves=False, device="cpu"
    ),
    "compare": lambda s: compare(["a"], (np.zeros_like(s), s), POSITIVE, COUNTS, patients=PATIENTS, draws=20, seed=0),
    "delong": lambda s: delong(np.hstack([s, s]), POSITIVE[:, 0], PATIENTS),
    "operating_point": lambda s: calibration.operating_point(s[:, 0], POSITIVE[:, 0]),
    "thresholds": lambda s: calibration.thresholds(s[:, 0], POSITIVE[:, 0]),
    "platt": lambda s: calibration.platt(s[:, 0], POSITIVE[:, 0]),
    "isotonic": lambda s: calibration.isotonic(s[:, 0], POSITIVE[:, 0]),
    "a study's arm": lambda s: measure([s], Truth(POSITIVE, COUNTS, PATIENTS), 100),
}


@pytest.fixture
def scores():
    return np.random.default_rng(0).random((ROWS, 1))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", MEASURES)
def test_one_score_that_is_no_number_is_refused(scores, name, wrong):
    MEASURES[name](scores)
    scores[7] = wrong
    with pytest.raises(NotFinite, match=r"1 of \d+ .*NaN or infinite|2 of 80"):
        MEASURES[name](scores)


def test_what_does_not_count_may_be_anything(scores):
    counts = COUNTS.copy()
    counts[7] = False
    expected = metrics.auroc_auprc(scores, POSITIVE, counts)
    scores[7] = np.nan
    assert metrics.auroc_auprc(scores, POSITIVE, counts) == expected
