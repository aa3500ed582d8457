import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from ml.evaluation import bootstrap as module
from ml.evaluation.bootstrap import bootstrap
from ml.evaluation.bootstrap_on_gpu import bootstrap_on
from ml.evaluation.draws import Patients
from ml.evaluation.metrics import percentile_interval


def make_rows(n=60, seed=2, levels=None):
    random = np.random.default_rng(seed)
    positive = random.random((n, 4)) < [0.4, 0.05, 0.0, 1.0]
    scores = random.normal(size=(n, 4)) + positive
    if levels is not None:
        scores = np.round(scores * levels) / levels
    return scores, positive, random.random((n, 4)) < 0.9, random.integers(0, n // 2, n).astype(str)


def test_a_draw_takes_patients_with_all_their_rows():
    patients = np.array(["b", "a", "b", "c", "a", "b"])
    drawer = Patients(patients, seed=0)
    weights = np.stack([drawer.draw(number) for number in range(500)])
    for patient in "abc":
        times = weights[:, patients == patient]
        assert (times == times[:, :1]).all()
        assert times[:, 0].mean() == pytest.approx(1, abs=0.15)
    assert (weights[:, [0, 1, 3]].sum(axis=1) == 3).all()  # as many patients as there are


def test_a_draw_follows_from_seed_and_number_alone():
    patients = np.arange(50).astype(str)
    one, other = Patients(patients, 7), Patients(patients, 7)
    other.draw(0)
    assert (one.draw(5) == other.draw(5)).all()
    assert (one.draw(5) != one.draw(6)).any()
    assert (one.draw(5) != Patients(patients, 8).draw(5)).any()


@pytest.mark.parametrize("levels", [None, 2])
def test_the_bootstrap_is_each_draw_measured_on_its_own(levels):
    scores, positive, counts, patients = make_rows(levels=levels)
    drawn = bootstrap(scores, positive, counts, patients, draws=40, seed=9)
    drawer = Patients(patients, seed=9)
    for draw in range(40):
        weights = drawer.draw(draw).astype(int)
        for k in range(4):
            times = weights * counts[:, k]
            label, score = np.repeat(positive[:, k], times), np.repeat(scores[:, k], times)
            if label.all() or not label.any():
                assert np.isnan([drawn.auroc[draw, k], drawn.auprc[draw, k]]).all()
            else:
                assert drawn.auroc[draw, k] == pytest.approx(roc_auc_score(label, score), abs=1e-9)
                assert drawn.auprc[draw, k] == pytest.approx(average_precision_score(label, score), abs=1e-9)


def test_the_figures_do_not_depend_on_the_threads(monkeypatch):
    monkeypatch.setattr(module, "_ROWS_WORTH_THREADS", 0)
    rows = make_rows(200)
    one, three = (bootstrap(*rows, draws=30, seed=1, curves=True, threads=threads) for threads in (1, 3))
    for a, b in zip(one, three, strict=True):
        assert np.array_equal(a, b, equal_nan=True)


@pytest.mark.parametrize("levels", [None, 2])
def test_torch_measures_the_same_draws_the_same(monkeypatch, levels):
    monkeypatch.setattr("ml.evaluation.bootstrap_on_gpu._NUMBERS_AT_ONCE", 900)  # several batches
    scores, positive, counts, patients = make_rows(150, levels=levels)
    counts[:, 1] &= ~positive[:, 1] | (np.cumsum(positive[:, 1]) < 2)  # one positive: some draws have none
    expected = bootstrap(scores, positive, counts, patients, draws=31, seed=4, curves=True)
    on_torch = bootstrap_on(scores, positive, counts, Patients(patients, 4), draws=31, curves=True, device="cpu")
    assert np.isnan(expected.auroc[:, 1]).any() and np.isfinite(expected.auroc[:, 1]).any()
    for a, b in zip(expected, on_torch, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_a_gpu_measures_the_same_draws_the_same():
    rows = make_rows(5000)
    on_cpu, on_gpu = (bootstrap(*rows, draws=20, seed=0, curves=True, device=device) for device in ("cpu", "cuda"))
    for a, b in zip(on_cpu, on_gpu, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-9)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(3)
    truth = 0.760  # AUROC of two normals one standard deviation apart: Φ(1/√2)
    covered = 0
    for seed in range(100):
        positive = random.random((120, 1)) < 0.4
        scores = random.normal(size=(120, 1)) + positive
        patients = np.arange(120).astype(str)
        drawn = bootstrap(scores, positive, np.ones_like(positive), patients, draws=200, seed=seed)
        low, high = percentile_interval(drawn.auroc[:, 0])
        covered += low <= truth <= high
    assert 88 <= covered <= 99


def test_the_cpu_s_way_needs_no_torch():
    code = "import ml.evaluation.bootstrap, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
